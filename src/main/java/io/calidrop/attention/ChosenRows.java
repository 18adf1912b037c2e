package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.KvHead.QUAD;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.LANES;

import io.calidrop.tensor.VectorMath;
import io.calidrop.tensor.VectorShape;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Stored rows that the tokens of a tile have chosen. Rows are decoded once for all tokens, which
 * score all of them; what a token did not choose weighs nothing. A score is a row's own, and
 * maxima, sums of weights and of values go by a token's own rows in order: a token gets the same
 * bits in any company. For one thread at a time.
 */
final class ChosenRows {
  private int tokens;
  private int[] ends = {}; // [tokens] in own
  private int[] own = {}; // rows of each token, then where their scores lie
  private long[] marks = {}; // [pages] a bit for each row
  private int pages;
  private int[] places = {}; // [rows] in the union
  private int[] rows = {}; // of the union, far ones first, or NONE
  private int far; // end of the far ones
  private int united;
  private float[] scores = {}; // [blocks][quads][4][BLOCK] scores, then weights
  private float[] weights = {}; // of a query

  /** In place of a row, between far and near ones. */
  static final int NONE = -1;

  /** Forgets all tokens; there are {@code pages} to choose from. */
  void start(int pages) {
    this.pages = pages;
    tokens = 0;
    if (marks.length < pages) {
      marks = new long[pages + pages / 2];
      places = new int[marks.length * BLOCK];
    }
    Arrays.fill(marks, 0, pages, 0);
  }

  /** Adds a token, which has chosen {@code rows[0, count)}, in ascending order. */
  void add(int[] rows, int count) {
    int from = tokens == 0 ? 0 : ends[tokens - 1];
    if (ends.length == tokens) {
      ends = Arrays.copyOf(ends, 2 * tokens + 1);
    }
    if (own.length < from + count) {
      own = Arrays.copyOf(own, 2 * (from + count));
    }
    System.arraycopy(rows, 0, own, from, count);
    for (int i = 0; i < count; i++) {
      marks[rows[i] / BLOCK] |= 1L << rows[i];
    }
    ends[tokens++] = from + count;
  }

  int tokens() {
    return tokens;
  }

  /**
   * Unites the choices.
   *
   * @param isFar [pages]
   * @return rows of the union
   */
  int unite(boolean[] isFar) {
    united = 0;
    unite(isFar, true);
    far = VectorShape.roundUp(united, BLOCK);
    reach(far);
    Arrays.fill(rows, united, far, NONE);
    united = far;
    unite(isFar, false);
    return united;
  }

  private void unite(boolean[] isFar, boolean far) {
    for (int page = 0; page < pages; page++) {
      long bits = isFar[page] == far ? marks[page] : 0;
      reach(united + Long.bitCount(bits));
      for (; bits != 0; bits &= bits - 1) {
        int row = page * BLOCK + Long.numberOfTrailingZeros(bits);
        places[row] = united;
        rows[united++] = row;
      }
    }
  }

  private void reach(int count) {
    if (rows.length < count) {
      rows = Arrays.copyOf(rows, 2 * count);
    }
  }

  /** A row of the union, or {@link #NONE}. */
  int row(int i) {
    return rows[i];
  }

  /**
   * Attends each token's rows.
   *
   * @param head holds the rows of the union
   * @param nearQueries [tokens][group][dim] for near rows
   * @param farQueries [tokens][group][dim] for far ones
   * @param result overwritten, of values as they are stored
   */
  void attend(
      KvHead head,
      float[] nearQueries,
      float[] farQueries,
      int group,
      AttentionScratch attention,
      SoftmaxPartials result) {
    int queries = tokens * group;
    int quads = Math.ceilDiv(queries, QUAD);
    int blockScores = quads * QUAD * BLOCK;
    int count = Math.ceilDiv(united, BLOCK) * blockScores;
    if (scores.length < count) {
      scores = new float[count + count / 2];
    }
    attention.start(QUAD); // decode
    score(head, farQueries, group, 0, far, attention);
    score(head, nearQueries, group, far, united, attention);
    for (int i = 0; i < ends[tokens - 1]; i++) {
      int place = places[own[i]];
      own[i] = place / BLOCK * blockScores + place % BLOCK;
    }
    result.clear(quads * QUAD);
    for (int query = 0; query < queries; query++) {
      softmax(query, group, blockScores, head.values.weightScaleInOrder(), result);
    }
    for (int row = 0; row < united; row += BLOCK) {
      int seen = Math.min(united - row, BLOCK);
      for (int quad = 0; quad < quads; quad++) {
        int from = row / BLOCK * blockScores + quad * QUAD * BLOCK;
        System.arraycopy(scores, from, attention.scores, 0, QUAD * BLOCK);
        int o = quad * QUAD * head.valueDim;
        head.values.accumulateInOrder(row, seen, attention.scores, result.acc, o, attention);
      }
    }
  }

  private void score(
      KvHead head, float[] queries, int group, int first, int end, AttentionScratch attention) {
    if (first == end) {
      return;
    }
    AttentionKernel.load(head, queries, 0, group * head.headDim, tokens, group, attention);
    int quads = Math.ceilDiv(tokens * group, QUAD);
    for (int row = first; row < end; row += BLOCK) {
      for (int quad = 0; quad < quads; quad++) {
        int from = quad * QUAD * head.headDim;
        head.scores(row, attention.queries, from, attention.scores, attention);
        attention.attentionScores.cap(attention.scores, 0, QUAD * BLOCK);
        int to = (row / BLOCK * quads + quad) * QUAD * BLOCK;
        System.arraycopy(attention.scores, 0, scores, to, QUAD * BLOCK);
      }
    }
  }

  /** Turns the scores of a query into weights. */
  private void softmax(
      int query, int group, int blockScores, float weightScale, SoftmaxPartials result) {
    int token = query / group;
    int from = token == 0 ? 0 : ends[token - 1];
    int count = ends[token] - from;
    int padded = VectorShape.roundUp(count, LANES);
    if (weights.length < padded) {
      weights = new float[2 * padded];
    }
    int at = query * BLOCK;
    for (int i = 0; i < count; i++) {
      weights[i] = scores[own[from + i] + at];
    }
    Arrays.fill(weights, count, padded, Float.NEGATIVE_INFINITY);
    float max = max(weights, padded);
    result.max[query] = max;
    result.sum[query] = exponentials(weights, count, padded, max);
    for (int i = at; i < Math.ceilDiv(united, BLOCK) * blockScores; i += blockScores) {
      Arrays.fill(scores, i, i + BLOCK, 0f);
    }
    for (int i = 0; i < count; i++) {
      scores[own[from + i] + at] = weights[i] * weightScale;
    }
  }

  private static float max(float[] x, int padded) {
    FloatVector max = FloatVector.fromArray(F, x, 0);
    for (int i = LANES; i < padded; i += LANES) {
      max = max.max(FloatVector.fromArray(F, x, i));
    }
    return max.reduceLanes(VectorOperators.MAX);
  }

  /** Turns scores into weights. Returns their sum, in an order that goes by the vectors' width. */
  private static float exponentials(float[] x, int count, int padded, float max) {
    FloatVector sum = FloatVector.zero(F);
    for (int i = 0; i < padded; i += LANES) {
      FloatVector weight = VectorMath.exp(FloatVector.fromArray(F, x, i).sub(max));
      weight.intoArray(x, i);
      if (i + LANES <= count) {
        sum = sum.add(weight);
      }
    }
    float z = VectorMath.sum(sum);
    for (int i = count / LANES * LANES; i < count; i++) {
      z += x[i];
    }
    return z;
  }
}
