package io.calidrop.attention.policy;

import io.calidrop.attention.EvictionPolicy;
import io.calidrop.attention.HeadRows;

/** Key norm (arXiv 2406.11430): keys with a small norm attract attention. */
public record KnormPolicy() implements EvictionPolicy {
  @Override
  public String name() {
    return "knorm";
  }

  @Override
  public void score(HeadRows rows, float[] scores) {
    float[] key = new float[rows.headDim()];
    for (int row = 0; row < rows.count(); row++) {
      rows.key(row, key);
      scores[row] = -Norms.l2(key);
    }
  }
}
