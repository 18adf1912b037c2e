package io.calidrop.attention;

import io.calidrop.tensor.VectorMath;

/**
 * How a model turns the dot product of a query and a key into a score. The kernel, the calibration
 * fits and the policies that foresee attention all take it from here.
 *
 * @param scale factor of the dot product, applied to the query
 */
public record AttentionScores(float scale) {
  /** The usual form, {@code q.k / sqrt(d)}. */
  public static AttentionScores of(int headDim) {
    return new AttentionScores((float) (1 / Math.sqrt(headDim)));
  }

  /** The score of a query [dim] at {@code i} with a key at {@code j}. */
  float score(float[] query, int i, float[] key, int j, int dim) {
    return scale * VectorMath.dot(query, i, key, j, dim);
  }
}
