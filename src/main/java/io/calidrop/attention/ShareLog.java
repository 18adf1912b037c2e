package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.KvHead.QUAD;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;

import io.calidrop.tensor.VectorMath;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * The weights that the attention kernel computed for some queries, kept until their normaliser is
 * known, and summed up as each row's share of the attention, or the largest taken. Both are in
 * fixed point: they are the same in any order, and so for any batch and number of threads.
 */
final class ShareLog {
  /**
   * A share of one: what thousands of queries gave to a row fits into an int, and a share of a
   * hundred thousandth still counts.
   */
  static final int ONE = 1 << 18;

  private float[] weights = {}; // [blocks][quads][4][BLOCK]
  private float[] max = {}; // [blocks][quads][4] maximum that the weights are relative to
  private int[] sums = {}; // [rows]
  private int quads;

  /** Makes room for the weights of {@code queries} queries on {@code rows} rows. */
  void start(int rows, int queries) {
    quads = Math.ceilDiv(queries, QUAD);
    int blocks = Math.ceilDiv(rows, BLOCK);
    if (weights.length < blocks * quads * QUAD * BLOCK) {
      weights = new float[blocks * quads * QUAD * BLOCK];
      max = new float[blocks * quads * QUAD];
    }
    if (sums.length < blocks * BLOCK) {
      sums = new int[blocks * BLOCK];
    }
    Arrays.fill(max, 0, blocks * quads * QUAD, Float.NEGATIVE_INFINITY);
  }

  /** Keeps the weights [4][BLOCK] of a quad of queries on a block, relative to their maxima. */
  void put(int row, int quad, float[] weights, float[] max) {
    int at = row / BLOCK * quads + quad;
    System.arraycopy(weights, 0, this.weights, at * QUAD * BLOCK, QUAD * BLOCK);
    System.arraycopy(max, quad * QUAD, this.max, at * QUAD, QUAD);
  }

  /**
   * The shares that queries {@code [from, to)} gave to each row, [rows], valid until the next call.
   *
   * @param values of the rows
   * @param result the queries' attention over everything, for the normaliser
   */
  int[] sum(int rows, ValueRows values, SoftmaxPartials result, int from, int to) {
    return collect(rows, values, result, from, to, false);
  }

  /** As {@link #sum}, of each row the largest share that any of the queries gave it. */
  int[] largest(int rows, ValueRows values, SoftmaxPartials result, int from, int to) {
    return collect(rows, values, result, from, to, true);
  }

  private int[] collect(
      int rows, ValueRows values, SoftmaxPartials result, int from, int to, boolean largest) {
    float weightScale = values.weightScale();
    Arrays.fill(sums, 0, Math.ceilDiv(rows, BLOCK) * BLOCK, 0);
    for (int query = from; query < to; query++) {
      float logSumExp = result.logSumExp(query);
      for (int row = 0; row < rows; row += BLOCK) {
        int at = (row / BLOCK * quads + query / QUAD) * QUAD + query % QUAD;
        if (max[at] > Float.NEGATIVE_INFINITY) {
          float factor = VectorMath.exp(max[at] - logSumExp) * ONE / weightScale;
          if (largest) {
            raise(weights, at * BLOCK, factor, sums, row);
          } else {
            add(weights, at * BLOCK, factor, sums, row);
          }
        }
      }
    }
    return sums;
  }

  private static void raise(float[] weights, int from, float factor, int[] most, int row) {
    for (int i = 0; i < BLOCK; i += LANES) {
      FloatVector share = FloatVector.fromArray(F, weights, from + i).mul(factor).add(0.5f);
      IntVector fixed = (IntVector) share.convertShape(VectorOperators.F2I, I, 0);
      fixed.max(IntVector.fromArray(I, most, row + i)).intoArray(most, row + i);
    }
  }

  private static void add(float[] weights, int from, float factor, int[] sums, int row) {
    for (int i = 0; i < BLOCK; i += LANES) {
      FloatVector share = FloatVector.fromArray(F, weights, from + i).mul(factor).add(0.5f);
      IntVector fixed = (IntVector) share.convertShape(VectorOperators.F2I, I, 0);
      fixed.add(IntVector.fromArray(I, sums, row + i)).intoArray(sums, row + i);
    }
  }
}
