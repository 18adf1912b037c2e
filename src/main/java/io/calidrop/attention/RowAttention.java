package io.calidrop.attention;

import static io.calidrop.attention.Hadamard.PARTNER_4;
import static io.calidrop.attention.Hadamard.PARTNER_8;
import static io.calidrop.attention.KvHead.QUAD;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static io.calidrop.tensor.VectorShape.PARTIALS;

import io.calidrop.tensor.VectorMath;
import io.calidrop.tensor.VectorShape;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Attention of a tile's tokens over rows that each has chosen, from keys and values that were
 * decoded once for all: four queries of a token at a time, over its own rows in their order, so
 * that it gets the same bits in any company. For one thread at a time.
 */
final class RowAttention {
  private final int group;
  private final int dim;
  private final int rowDim; // of a decoded row
  private final AttentionScores attentionScores;
  private float[] quad = {}; // [rows of a token][4] scores, then weights
  private int[] at = {}; // [rows of a token] where they lie
  private final float[] folded = new float[PARTIALS]; // [PARTIALS / 4][4]
  private final float[] sums = new float[PARTIALS];

  RowAttention(CacheShape shape) {
    group = shape.group();
    dim = shape.headDim();
    rowDim = ValueRows.valueDim(dim);
    attentionScores = shape.scores();
  }

  /**
   * Attends each token's rows.
   *
   * @param near queries for near rows
   * @param far queries for far ones
   * @param crowd of far rows, {@link StoredRows#crowd}
   * @param keys [rows of the union][rowDim]
   * @param values [rows of the union][rowDim]
   * @param result overwritten
   */
  void attend(
      ChosenRows chosen,
      TurnedQueries near,
      TurnedQueries far,
      float crowd,
      float[] keys,
      float[] values,
      SoftmaxPartials result) {
    for (int token = 0; token < chosen.tokens(); token++) {
      int first = chosen.begin(token);
      int count = chosen.begin(token + 1) - first;
      reach(count);
      int beyondFar = list(chosen, first, count);
      for (int head = 0; head < group; head += QUAD) {
        int heads = Math.min(QUAD, group - head);
        int query = token * group + head;
        score(keys, 0, beyondFar, far.scaled, query, heads);
        if (beyondFar > 0 && crowd > 1) {
          sharpen(beyondFar, crowd);
        }
        score(keys, beyondFar, count, near.scaled, query, heads);
        softmax(count, query, heads, result);
        accumulate(values, at, count, quad, heads, rowDim, result.acc, query * rowDim);
      }
    }
  }

  private void reach(int count) {
    if (at.length < count) {
      at = new int[2 * count];
      quad = new float[2 * count * QUAD + 2 * PARTIALS];
    }
  }

  /** Lists where a token's rows lie, far ones first. Returns how many these are. */
  private int list(ChosenRows chosen, int first, int count) {
    int[] places = chosen.places();
    int n = 0;
    for (int i = first; i < first + count; i++) {
      if (places[i] < chosen.far()) {
        at[n++] = places[i] * rowDim;
      }
    }
    int beyondFar = n;
    for (int i = first; i < first + count; i++) {
      if (places[i] >= chosen.far()) {
        at[n++] = places[i] * rowDim;
      }
    }
    return beyondFar;
  }

  private void score(float[] keys, int from, int to, float[] q, int query, int heads) {
    QuadDots.of(keys, at, from, to, q, query * dim, dim, heads, rowDim, quad);
    attentionScores.cap(quad, from * QUAD, (to - from) * QUAD);
  }

  /** Sharpens far rows; what they weigh is divided, but for what the best of them has of it. */
  private void sharpen(int count, float crowd) {
    int end = count * QUAD;
    int padded = VectorShape.roundUp(end, PARTIALS);
    Arrays.fill(quad, end, padded, Float.NEGATIVE_INFINITY);
    max(quad, padded, folded);
    sharpen(quad, padded, crowd, folded, sums);
    for (int i = 0; i < LANES; i++) {
      float best = 1 / sums[i];
      folded[i] += (float) Math.log(best + (1 - best) / (crowd * crowd * crowd));
    }
    add(quad, padded, folded);
  }

  /** Makes of scores how far below the maxima they count, and sums of their exponentials. */
  private static void sharpen(float[] x, int padded, float crowd, float[] folded, float[] sums) {
    FloatVector max = FloatVector.fromArray(F, folded, 0);
    FloatVector factor = FloatVector.broadcast(F, crowd);
    for (int partial = 0; partial < PARTIALS; partial += LANES) {
      FloatVector sum = FloatVector.zero(F);
      for (int i = partial; i < padded; i += PARTIALS) {
        FloatVector below = FloatVector.fromArray(F, x, i).sub(max).mul(factor);
        below.intoArray(x, i);
        sum = VectorMath.exp(below).add(sum);
      }
      sum.intoArray(sums, partial);
    }
    fold(sums);
  }

  private static void add(float[] x, int padded, float[] folded) {
    FloatVector more = FloatVector.fromArray(F, folded, 0);
    for (int i = 0; i < padded; i += LANES) {
      FloatVector.fromArray(F, x, i).add(more).intoArray(x, i);
    }
  }

  /** Turns the scores of four queries into weights. */
  private void softmax(int count, int query, int heads, SoftmaxPartials result) {
    int end = count * QUAD;
    int padded = VectorShape.roundUp(end, PARTIALS);
    Arrays.fill(quad, end, padded, Float.NEGATIVE_INFINITY);
    max(quad, padded, folded);
    System.arraycopy(folded, 0, result.max, query, heads);
    exponentials(quad, padded, folded);
    System.arraycopy(folded, 0, result.sum, query, heads);
  }

  private static void max(float[] x, int padded, float[] out) {
    FloatVector max = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
    for (int i = 0; i < padded; i += LANES) {
      max = max.lanewise(VectorOperators.MAX, FloatVector.fromArray(F, x, i));
    }
    if (LANES > 4) {
      max = max.lanewise(VectorOperators.MAX, max.rearrange(PARTNER_4));
    }
    if (LANES > 8) {
      max = max.lanewise(VectorOperators.MAX, max.rearrange(PARTNER_8));
    }
    max.intoArray(out, 0);
  }

  /** Turns scores into weights, and the maxima into sums. */
  private static void exponentials(float[] x, int padded, float[] folded) {
    FloatVector max = FloatVector.fromArray(F, folded, 0);
    for (int partial = 0; partial < PARTIALS; partial += LANES) {
      FloatVector sum = FloatVector.zero(F);
      for (int i = partial; i < padded; i += PARTIALS) {
        FloatVector weight = VectorMath.exp(FloatVector.fromArray(F, x, i).sub(max));
        weight.intoArray(x, i);
        sum = weight.add(sum);
      }
      sum.intoArray(folded, partial);
    }
    fold(folded);
  }

  /** Adds up what four queries have in [PARTIALS / 4][4], and writes it to each place. */
  private static void fold(float[] sums) {
    for (int query = 0; query < QUAD; query++) {
      float sum = sums[query] + sums[query + QUAD];
      sum += sums[query + 2 * QUAD] + sums[query + 3 * QUAD];
      for (int i = query; i < PARTIALS; i += QUAD) {
        sums[i] = sum;
      }
    }
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
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(weights[w])).reinterpretShape(F, 0);
        a0 = low.fma(x0, a0);
        b0 = high.fma(x0, b0);
        if (two) {
          FloatVector x1 =
              (FloatVector)
                  IntVector.broadcast(I, Float.floatToRawIntBits(weights[w + 1]))
                      .reinterpretShape(F, 0);
          a1 = low.fma(x1, a1);
          b1 = high.fma(x1, b1);
          FloatVector x2 =
              (FloatVector)
                  IntVector.broadcast(I, Float.floatToRawIntBits(weights[w + 2]))
                      .reinterpretShape(F, 0);
          a2 = low.fma(x2, a2);
          b2 = high.fma(x2, b2);
        }
        if (four) {
          FloatVector x3 =
              (FloatVector)
                  IntVector.broadcast(I, Float.floatToRawIntBits(weights[w + 3]))
                      .reinterpretShape(F, 0);
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
