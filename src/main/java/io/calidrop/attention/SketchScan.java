package io.calidrop.attention;

import static io.calidrop.attention.Hadamard.PARTNER_1;
import static io.calidrop.attention.Hadamard.PARTNER_2;
import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.QuadDots.HAVE_1;
import static io.calidrop.attention.QuadDots.HAVE_2;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.LANES;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Goes through sketches for the tokens of a tile: what a chunk of them costs besides the scores is
 * spent once for all. Which are the best for a token does not depend on the others. For one thread
 * at a time.
 */
final class SketchScan {
  private static final int CHUNK = SketchScores.CHUNK;

  private final SketchScores sketchScores;
  private final float[] scores = new float[CHUNK * BLOCK];
  private final float[] otherSide = new float[CHUNK * BLOCK];
  private KeySketches sketches;
  private int rows;
  private int[] pages;
  private int count;
  private int gap;
  private int gapEnd;
  private int end;
  private long farPages; // of the chunk, a bit for each
  private long mixed; // pages of sketches of near and of far rows
  private int absent; // where sketches of the chunk are missing
  private int present; // where they are there again

  SketchScan(CacheShape shape) {
    sketchScores = new SketchScores(shape.group(), shape.headDim());
  }

  /**
   * Says what to go through.
   *
   * @param rows stored rows that each sketch is of
   * @param pages of sketches, ascending
   * @param count of the pages
   * @param gap sketch from which on there are none
   * @param gapEnd sketch from which on there are some again
   * @param end sketch beyond the last
   */
  void over(KeySketches sketches, int rows, int[] pages, int count, int gap, int gapEnd, int end) {
    this.sketches = sketches;
    this.rows = rows;
    this.pages = pages;
    this.count = count;
    this.gap = gap;
    this.gapEnd = gapEnd;
    this.end = end;
  }

  /**
   * Finds the best sketches for tokens {@code [from, to)} of a tile.
   *
   * @param near their queries for rows that see them as they are
   * @param far their queries for far rows
   * @param ofPages whether of four neighbours only the largest score counts, as the first's: of
   *     runs of 16 rows one for each page
   * @param best [to - from] gets the scores of the sketches, numbered in the order of the list
   */
  void run(
      StoredRows stored,
      TurnedQueries near,
      TurnedQueries far,
      int from,
      int to,
      boolean ofPages,
      BestRows[] best) {
    for (int first = 0; first < count; first += CHUNK) {
      int some = Math.min(CHUNK, count - first);
      sketchScores.take(sketches, pages, first, some);
      findAbsent(first, some);
      findFar(stored, first, some);
      int beyond = Math.clamp(end - first * BLOCK, 0, some * BLOCK);
      for (int token = from; token < to; token++) {
        score(some, near, far, token);
        for (long left = mixed; left != 0; left &= left - 1) {
          correct(stored, first, Long.numberOfTrailingZeros(left), near, far, token);
        }
        Arrays.fill(scores, absent, present, Float.NEGATIVE_INFINITY);
        Arrays.fill(scores, beyond, some * BLOCK, Float.NEGATIVE_INFINITY);
        if (ofPages) {
          fold(scores, some * BLOCK);
        }
        best[token - from].add(scores, some * BLOCK, first * BLOCK);
      }
    }
  }

  /** Finds where sketches of a chunk are missing. */
  private void findAbsent(int first, int some) {
    absent = some * BLOCK;
    present = absent;
    for (int i = 0; i < some; i++) {
      int at = pages[first + i] * BLOCK;
      if (at < gapEnd && at + BLOCK > gap) {
        absent = Math.min(absent, i * BLOCK + Math.max(0, gap - at));
        present = i * BLOCK + Math.min(BLOCK, gapEnd - at);
      }
    }
  }

  /** Finds pages of a chunk whose sketches are of far rows, at least the first. */
  private void findFar(StoredRows stored, int first, int some) {
    farPages = 0;
    mixed = 0;
    for (int i = 0; i < some && stored.isAnyFar(); i++) {
      int page = pages[first + i];
      boolean isFar = isFar(stored, page, 0);
      farPages |= (isFar ? 1L : 0) << i;
      for (int of = BLOCK / rows; of < BLOCK; of += BLOCK / rows) { // of the next page of rows
        mixed |= (isFar(stored, page, of) == isFar ? 0 : 1L) << i;
      }
    }
  }

  private boolean isFar(StoredRows stored, int page, int sketch) {
    int of = (page * BLOCK + sketch) * rows / BLOCK;
    return stored.isFar(Math.min(of, stored.slots() - 1));
  }

  /** Scores the chunk, neighbours that are all far or all near at a time. */
  private void score(int some, TurnedQueries near, TurnedQueries far, int token) {
    for (int from = 0; from < some; ) {
      boolean isFar = (farPages >>> from & 1) != 0;
      long others = (isFar ? ~farPages : farPages) >>> from;
      int to = Math.min(some, from + Long.numberOfTrailingZeros(others));
      sketchScores.score(from, to, (isFar ? far : near).sketch(token), token, scores);
      from = to;
    }
  }

  /** Corrects the scores of a page some of whose sketches are of far rows and some of near. */
  private void correct(
      StoredRows stored, int first, int i, TurnedQueries near, TurnedQueries far, int token) {
    boolean isFar = (farPages >>> i & 1) != 0;
    sketchScores.score(i, i + 1, (isFar ? near : far).sketch(token), token, otherSide);
    for (int of = 1; of < BLOCK; of++) {
      if (isFar(stored, pages[first + i], of) != isFar) {
        scores[i * BLOCK + of] = otherSide[i * BLOCK + of];
      }
    }
  }

  /** Leaves of the four runs of a page of rows the first, with the largest score. */
  private static void fold(float[] scores, int n) {
    FloatVector none = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
    for (int i = 0; i < n; i += LANES) {
      FloatVector x = FloatVector.fromArray(F, scores, i);
      x = x.lanewise(VectorOperators.MAX, x.rearrange(PARTNER_1));
      x = x.lanewise(VectorOperators.MAX, x.rearrange(PARTNER_2));
      x.blend(none, HAVE_1).blend(none, HAVE_2).intoArray(scores, i);
    }
  }
}
