package io.calidrop.attention;

import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.LANES;

import io.calidrop.tensor.VectorMath;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * Attention of some queries over a set of cached rows, before the division: with scores {@code
 * s_i}, the maximum {@code m = max s_i}, the sum {@code z = sum exp(s_i - m)} and the accumulator
 * {@code sum exp(s_i - m) v_i}. Partials over disjoint sets merge to the partial over their union
 * (the online softmax, arXiv 1805.02867), so rows can be attended in any pieces. For one thread at
 * a time.
 */
public final class SoftmaxPartials {
  /** [queries] */
  final float[] max;

  /** [queries] */
  final float[] sum;

  /** [queries][valueDim] */
  final float[] acc;

  private final int valueDim;

  SoftmaxPartials(int queries, int valueDim) {
    this.valueDim = valueDim;
    max = new float[queries];
    sum = new float[queries];
    acc = new float[queries * valueDim];
  }

  /** Makes the first {@code queries} partials those of the empty set, the neutral element. */
  void clear(int queries) {
    Arrays.fill(max, 0, queries, Float.NEGATIVE_INFINITY);
    Arrays.fill(sum, 0, queries, 0f);
    Arrays.fill(acc, 0, queries * valueDim, 0f);
  }

  /** Carries the first {@code queries} partials. */
  void transfer(StateTransfer state, int queries) {
    state.floats(max, queries);
    state.floats(sum, queries);
    state.floats(acc, queries * valueDim);
  }

  /** Merges partial {@code j} of {@code other} into partial {@code i}. */
  void merge(int i, SoftmaxPartials other, int j) {
    if (other.sum[j] == 0) {
      return;
    }
    if (sum[i] == 0) {
      copy(i, other, j); // also keeps -inf out of the exponents below
      return;
    }
    float difference = max[i] - other.max[j];
    float mine = difference < 0 ? VectorMath.exp(difference) : 1;
    float theirs = difference < 0 ? 1 : VectorMath.exp(-difference);
    max[i] = Math.max(max[i], other.max[j]);
    sum[i] = Math.fma(other.sum[j], theirs, sum[i] * mine);
    for (int d = 0; d < valueDim; d += LANES) {
      FloatVector a = FloatVector.fromArray(F, acc, i * valueDim + d).mul(mine);
      FloatVector.fromArray(F, other.acc, j * valueDim + d)
          .fma(FloatVector.broadcast(F, theirs), a)
          .intoArray(acc, i * valueDim + d);
    }
  }

  /**
   * Merges the partial of a single slot into partial {@code i}.
   *
   * @param value holds the slot's value [count] at {@code offset}
   */
  void mergeSlot(int i, float score, float[] value, int offset, int count) {
    float m = Math.max(max[i], score);
    float mine = VectorMath.exp(max[i] - m);
    float weight = VectorMath.exp(score - m);
    max[i] = m;
    sum[i] = Math.fma(sum[i], mine, weight);
    for (int d = 0; d < count; d++) {
      int at = i * valueDim + d;
      acc[at] = Math.fma(acc[at], mine, weight * value[offset + d]);
    }
  }

  /** Overwrites partial {@code i} with partial {@code j} of {@code other}. */
  void copy(int i, SoftmaxPartials other, int j) {
    max[i] = other.max[j];
    sum[i] = other.sum[j];
    System.arraycopy(other.acc, j * valueDim, acc, i * valueDim, valueDim);
  }

  /** Logarithm of the sum of the exponentials of query {@code i}'s scores. */
  float logSumExp(int i) {
    return (float) (max[i] + Math.log(sum[i]));
  }

  /**
   * The attention output of query {@code i}, {@code acc / z}: {@code dim} values to {@code out}.
   */
  void finish(int i, float[] out, int offset, int dim) {
    float inverse = 1 / sum[i];
    for (int d = 0; d < dim; d++) {
      out[offset + d] = acc[i * valueDim + d] * inverse;
    }
  }
}
