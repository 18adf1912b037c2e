package io.calidrop.attention.policy;

import io.calidrop.attention.EvictionPolicy;
import io.calidrop.attention.HeadRows;

/**
 * TOVA (arXiv 2401.06104): the attention of the last query, averaged over all heads of a layer, so
 * that they all keep the same tokens.
 */
public record TovaPolicy() implements EvictionPolicy {
  @Override
  public String name() {
    return "tova";
  }

  @Override
  public Observation observation() {
    return Observation.LAST;
  }

  @Override
  public void score(HeadRows rows, float[] scores) {
    for (int row = 0; row < rows.count(); row++) {
      scores[row] = (float) rows.share(row);
    }
  }

  @Override
  public void combine(float[][] scores, int[] rows) {
    for (int row = 0; row < rows[0]; row++) {
      float sum = 0;
      for (float[] head : scores) {
        sum += head[row];
      }
      for (float[] head : scores) {
        head[row] = sum;
      }
    }
  }
}
