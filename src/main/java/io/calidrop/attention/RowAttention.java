package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.KvHead.QUAD;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;

import io.calidrop.tensor.VectorMath;
import io.calidrop.tensor.VectorShape;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Attention of a tile's tokens over rows that each has chosen. All queries score all rows of the
 * union, by which keys lie across vector lanes; weights and sums of values are of a token's own
 * rows, in their order: a token gets the same bits in any company. For one thread at a time.
 */
final class RowAttention {
  private final int group;
  private final int valueDim;

  private float[] scores = {}; // [blocks][quads][4][BLOCK]
  private float[] weights = {}; // [rows of a token] of a query
  private float[] quad = {}; // [rows of a token][4] weights
  private int[] at = {}; // [rows of a token] where values lie

  RowAttention(int group, int valueDim) {
    this.group = group;
    this.valueDim = valueDim;
  }

  /**
   * Scores the rows of a union.
   *
   * @param keys holds them
   * @param near [quads][dim][4] queries for near rows, as the keys ask for them
   * @param far [quads][dim][4] queries for far ones
   */
  void score(
      ChosenRows chosen,
      int united,
      KeyRows keys,
      float[] near,
      float[] far,
      AttentionScratch attention) {
    int quads = Math.ceilDiv(chosen.tokens() * group, QUAD);
    int count = Math.ceilDiv(united, BLOCK) * quads * QUAD * BLOCK;
    if (scores.length < count) {
      scores = new float[count + count / 2];
    }
    attention.start(quads);
    int to = 0;
    for (int row = 0; row < united; row += BLOCK) {
      float[] queries = row < chosen.far() ? far : near;
      for (int quad = 0; quad < quads; quad++, to += QUAD * BLOCK) {
        attention.quad(Math.min(QUAD, chosen.tokens() * group - quad * QUAD));
        keys.scores(row, queries, quad * QUAD * keys.headDim, attention.scores, attention);
        attention.attentionScores.cap(attention.scores, 0, QUAD * BLOCK);
        System.arraycopy(attention.scores, 0, scores, to, QUAD * BLOCK);
      }
    }
  }

  /**
   * Attends each token's rows, which have been scored.
   *
   * @param values [rows of the union][valueDim]
   * @param result overwritten
   */
  void attend(ChosenRows chosen, float[] values, SoftmaxPartials result) {
    int queries = chosen.tokens() * group;
    int blockScores = VectorShape.roundUp(queries, QUAD) * BLOCK;
    for (int token = 0; token < chosen.tokens(); token++) {
      int from = chosen.begin(token);
      int count = chosen.begin(token + 1) - from;
      if (at.length < count) {
        at = new int[2 * count];
        weights = new float[VectorShape.roundUp(2 * count, LANES)];
        quad = new float[2 * count * QUAD];
      }
      for (int head = 0; head < group; head += QUAD) {
        int heads = Math.min(QUAD, group - head);
        for (int t = 0; t < heads; t++) {
          int query = token * group + head + t;
          gather(chosen.places(), from, count, blockScores, query * BLOCK);
          softmax(count, t, query, result);
        }
        for (int i = 0; i < count; i++) {
          at[i] = chosen.places()[from + i] * valueDim;
        }
        int o = (token * group + head) * valueDim;
        accumulate(values, at, count, quad, heads, valueDim, result.acc, o);
      }
    }
  }

  private void gather(int[] places, int from, int count, int blockScores, int offset) {
    for (int i = 0; i < count; i++) {
      int place = places[from + i];
      weights[i] = scores[place / BLOCK * blockScores + offset + place % BLOCK];
    }
  }

  /** Turns the scores of a query into weights. */
  private void softmax(int count, int t, int query, SoftmaxPartials result) {
    int padded = VectorShape.roundUp(count, LANES);
    Arrays.fill(weights, count, padded, Float.NEGATIVE_INFINITY);
    float max = max(weights, padded);
    result.max[query] = max;
    result.sum[query] = exponentials(weights, padded, max);
    for (int i = 0; i < count; i++) {
      quad[i * QUAD + t] = weights[i];
    }
  }

  private static float max(float[] x, int padded) {
    FloatVector max = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
    for (int i = 0; i < padded; i += LANES) {
      max = max.max(FloatVector.fromArray(F, x, i));
    }
    return max.reduceLanes(VectorOperators.MAX);
  }

  /** Turns scores into weights. Returns their sum, in an order that goes by the vectors' width. */
  private static float exponentials(float[] x, int padded, float max) {
    FloatVector sum = FloatVector.zero(F);
    for (int i = 0; i < padded; i += LANES) {
      FloatVector weight = VectorMath.exp(FloatVector.fromArray(F, x, i).sub(max));
      weight.intoArray(x, i);
      sum = sum.add(weight);
    }
    return VectorMath.sum(sum);
  }

  /**
   * Sums of values.
   *
   * @param weights [count][4]
   * @param heads up to four
   * @param out [heads][dim] at {@code offset}, overwritten
   */
  private static void accumulate(
      float[] values,
      int[] at,
      int count,
      float[] weights,
      int heads,
      int dim,
      float[] out,
      int offset) {
    boolean four = heads > 3;
    boolean two = heads > 1;
    for (int d = 0; d < dim; d += 2 * LANES) {
      FloatVector a0 = FloatVector.zero(F);
      FloatVector b0 = a0;
      FloatVector a1 = a0;
      FloatVector b1 = a0;
      FloatVector a2 = a0;
      FloatVector b2 = a0;
      FloatVector a3 = a0;
      FloatVector b3 = a0;
      for (int i = 0; i < count; i++) {
        int v = at[i] + d;
        FloatVector low = FloatVector.fromArray(F, values, v);
        FloatVector high = FloatVector.fromArray(F, values, v + LANES);
        int w = i * QUAD;
        FloatVector x0 =
            IntVector.broadcast(I, Float.floatToRawIntBits(weights[w])).reinterpretAsFloats();
        a0 = low.fma(x0, a0);
        b0 = high.fma(x0, b0);
        if (two) {
          FloatVector x1 =
              IntVector.broadcast(I, Float.floatToRawIntBits(weights[w + 1])).reinterpretAsFloats();
          a1 = low.fma(x1, a1);
          b1 = high.fma(x1, b1);
          FloatVector x2 =
              IntVector.broadcast(I, Float.floatToRawIntBits(weights[w + 2])).reinterpretAsFloats();
          a2 = low.fma(x2, a2);
          b2 = high.fma(x2, b2);
        }
        if (four) {
          FloatVector x3 =
              IntVector.broadcast(I, Float.floatToRawIntBits(weights[w + 3])).reinterpretAsFloats();
          a3 = low.fma(x3, a3);
          b3 = high.fma(x3, b3);
        }
      }
      int o = offset + d;
      a0.intoArray(out, o);
      b0.intoArray(out, o + LANES);
      if (heads > 1) {
        a1.intoArray(out, o + dim);
        b1.intoArray(out, o + dim + LANES);
      }
      if (heads > 2) {
        a2.intoArray(out, o + 2 * dim);
        b2.intoArray(out, o + 2 * dim + LANES);
      }
      if (four) {
        a3.intoArray(out, o + 3 * dim);
        b3.intoArray(out, o + 3 * dim + LANES);
      }
    }
  }
}
