package io.calidrop.attention;

import io.calidrop.tensor.VectorMath;

/**
 * How a model turns the dot product of a query and a key into a score. The kernel, the calibration
 * fits and the policies that foresee attention all take it from here.
 *
 * @param scale factor of the dot product, applied to the query
 * @param softCap bound that scores approach, {@code cap * tanh(s / cap)}, or 0 for none
 */
public record AttentionScores(float scale, float softCap) {
  public AttentionScores {
    if (!(softCap >= 0)) {
      throw new IllegalArgumentException("a soft cap must be positive, or 0 for none: " + softCap);
    }
  }

  /** Without a cap. */
  public AttentionScores(float scale) {
    this(scale, 0);
  }

  /** The usual form, {@code q.k / sqrt(d)}. */
  public static AttentionScores of(int headDim) {
    return new AttentionScores((float) (1 / Math.sqrt(headDim)));
  }

  /** The score of a query [dim] at {@code i} with a key at {@code j}. */
  float score(float[] query, int i, float[] key, int j, int dim) {
    float score = scale * VectorMath.dot(query, i, key, j, dim);
    return softCap == 0 ? score : VectorMath.softCap(score, softCap);
  }

  /** Caps scores {@code [offset, offset + count)} that were scaled already. */
  void cap(float[] scores, int offset, int count) {
    if (softCap > 0) {
      VectorMath.softCap(scores, offset, count, softCap);
    }
  }

  /**
   * The logarithm of the mean of {@code exp(score)} where scaled dot products are normal; with a
   * cap to first order about their mean.
   *
   * @param variance of the scaled dot products
   */
  public double logMeanExp(double mean, double variance) {
    if (softCap == 0) {
      return mean + variance / 2;
    }
    double tanh = Math.tanh(mean / softCap);
    double slope = 1 - tanh * tanh;
    return softCap * tanh + slope * slope * variance / 2;
  }
}
