package io.calidrop.attention.policy;

import io.calidrop.attention.EvictionPolicy;
import io.calidrop.attention.HeadRows;
import io.calidrop.tensor.VectorMath;

/**
 * KeyDiff (arXiv 2504.15364): keys unlike the mean of all normalised keys stay. The block of the
 * original is the prune interval.
 */
public record KeyDiffPolicy() implements EvictionPolicy {
  @Override
  public String name() {
    return "keydiff";
  }

  @Override
  public void score(HeadRows rows, float[] scores) {
    int dim = rows.headDim();
    float[] key = new float[dim];
    float[] mean = new float[dim];
    for (int row = 0; row < rows.count(); row++) {
      rows.key(row, key);
      Norms.normalise(key);
      VectorMath.add(mean, 0, key, 0, dim);
    }
    Norms.normalise(mean);
    for (int row = 0; row < rows.count(); row++) {
      rows.key(row, key);
      Norms.normalise(key);
      scores[row] = -VectorMath.dot(key, 0, mean, 0, dim);
    }
  }
}
