package io.calidrop.attention;

import static io.calidrop.attention.KeySketches.RUN;
import static io.calidrop.attention.KvHead.BLOCK;

import io.calidrop.tensor.VectorShape;
import java.util.Arrays;

/**
 * Chooses the stored rows that a token reads: those with the highest scores by their sketches. Of a
 * very long text it first chooses runs of rows by the sketches of their means, so that a choice
 * takes as long as the number of runs, not of rows, demands. A mean hides a single row that
 * matters: many runs are needed for few rows. For one thread at a time.
 */
final class RowChoice {
  /** Rows of so many runs are all scored. */
  static final int MOST_RUNS = 16_384;

  /** Runs whose rows are scored where there are more. */
  static final int RUNS = 8192;

  private static final int PAGE_RUNS = BLOCK / RUN;

  private final SketchScores sketchScores;
  private final int mostRuns;
  private final int chosenRuns;
  private final BestRows best = new BestRows();
  private final float[] otherSide = new float[RUN];
  private int[] all = {}; // 0, 1, ..
  private int[] runs = {}; // that rows are chosen from
  private float[] scores = {};

  RowChoice(CacheShape shape) {
    this(shape, MOST_RUNS, RUNS);
  }

  /**
   * @param mostRuns in place of {@link #MOST_RUNS}
   * @param chosenRuns in place of {@link #RUNS}
   */
  RowChoice(CacheShape shape, int mostRuns, int chosenRuns) {
    this.mostRuns = mostRuns;
    this.chosenRuns = chosenRuns;
    sketchScores = new SketchScores(shape.group(), shape.headDim());
  }

  /** Rows that {@link #choose} chose, in ascending order. */
  int[] rows() {
    return best.rows;
  }

  /** Room for so many rows in {@link #rows}. */
  int[] room(int count) {
    return best.room(count);
  }

  /**
   * Chooses for a token.
   *
   * @param near its queries for rows that see them as they are
   * @param far its queries for far rows
   * @return how many rows
   */
  int choose(StoredRows stored, TurnedQueries near, TurnedQueries far, int token) {
    int pageRuns = stored.slots() * PAGE_RUNS;
    reach(pageRuns);
    int[] from = all;
    int count = pageRuns;
    if (pageRuns > mostRuns) {
      count = chooseRuns(stored, pageRuns, near, far, token);
      from = runs;
    }
    score(stored.sketches(), from, count, 1, stored, near, far, token);
    blank(stored, from, count);
    int found = best.find(scores, count * RUN, stored.recall());
    for (int i = 0; i < found; i++) {
      int at = best.rows[i];
      best.rows[i] = from[at / RUN] * RUN + at % RUN;
    }
    return found;
  }

  /** Makes room for a choice from {@code count} runs. */
  private void reach(int count) {
    if (all.length < count) {
      int old = all.length;
      all = Arrays.copyOf(all, count + count / 2);
      for (int i = old; i < all.length; i++) {
        all[i] = i;
      }
    }
    int scored = count <= mostRuns ? count : Math.max(chosenRuns + 1, Math.ceilDiv(count, RUN));
    if (scores.length < scored * RUN) {
      scores = new float[(scored + scored / 2) * RUN];
    }
    if (count > mostRuns && runs.length == 0) {
      runs = new int[chosenRuns + 1];
    }
  }

  private int chooseRuns(
      StoredRows stored, int count, TurnedQueries near, TurnedQueries far, int token) {
    int groups = Math.ceilDiv(count, RUN);
    score(stored.runSketches(), all, groups, RUN, stored, near, far, token);
    int padded = groups * RUN;
    Arrays.fill(scores, count, padded, Float.NEGATIVE_INFINITY);
    int unused = stored.unused();
    int end = VectorShape.roundUp(unused, BLOCK) / RUN;
    Arrays.fill(scores, unused / RUN, end, Float.NEGATIVE_INFINITY);
    int found = best.find(scores, padded, chosenRuns);
    int to = 0;
    boolean begun = unused % RUN > 0; // a run that is not complete has no sketch: it is chosen
    for (int i = 0; i < found; i++) {
      if (begun && best.rows[i] > unused / RUN) {
        runs[to++] = unused / RUN;
        begun = false;
      }
      runs[to++] = best.rows[i];
    }
    if (begun) {
      runs[to++] = unused / RUN;
    }
    return to;
  }

  /**
   * Scores listed runs of sketches.
   *
   * @param rows stored rows that each sketch is of
   */
  private void score(
      KeySketches sketches,
      int[] list,
      int count,
      int rows,
      StoredRows stored,
      TurnedQueries near,
      TurnedQueries far,
      int token) {
    if (!stored.isAnyFar()) {
      sketchScores.score(sketches, list, 0, count, near.sketch(token), scores, 0);
      return;
    }
    for (int from = 0; from < count; ) {
      boolean isFar = stored.isFar(page(list[from], 0, rows));
      int to = from + 1;
      while (to < count && stored.isFar(page(list[to], 0, rows)) == isFar) {
        to++;
      }
      SketchQuery query = (isFar ? far : near).sketch(token);
      sketchScores.score(sketches, list, from, to, query, scores, from * RUN);
      from = to;
    }
    for (int i = 0; i < count && rows > 1; i++) {
      correct(sketches, list, i, rows, stored, near, far, token);
    }
  }

  /** The page of rows that sketch {@code i} of a run of sketches belongs to. */
  private static int page(int run, int i, int rows) {
    return (run * RUN + i) * rows / BLOCK;
  }

  /** Corrects the scores of a run of sketches some of which are of far rows and some of near. */
  private void correct(
      KeySketches sketches,
      int[] list,
      int at,
      int rows,
      StoredRows stored,
      TurnedQueries near,
      TurnedQueries far,
      int token) {
    boolean isFar = stored.isFar(page(list[at], 0, rows));
    boolean scored = false;
    for (int i = 1; i < RUN; i++) {
      int page = page(list[at], i, rows);
      if (page < stored.slots() && stored.isFar(page) != isFar) {
        if (!scored) {
          SketchQuery query = (isFar ? near : far).sketch(token);
          sketchScores.score(sketches, list, at, at + 1, query, otherSide, 0);
          scored = true;
        }
        scores[at * RUN + i] = otherSide[i];
      }
    }
  }

  /** Gives rows that have not come the lowest score. */
  private void blank(StoredRows stored, int[] list, int count) {
    int from = stored.unused();
    int to = VectorShape.roundUp(from, BLOCK);
    for (int i = 0; i < count && from < to; i++) {
      int row = list[i] * RUN;
      if (row < to && row + RUN > from) {
        Arrays.fill(
            scores, i * RUN + Math.max(0, from - row), (i + 1) * RUN, Float.NEGATIVE_INFINITY);
      }
    }
  }
}
