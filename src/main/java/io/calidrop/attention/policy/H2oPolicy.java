package io.calidrop.attention.policy;

import io.calidrop.attention.EvictionPolicy;
import io.calidrop.attention.HeadRows;

/**
 * H2O, heavy hitters (arXiv 2306.14048): the attention that a token has had from every query since
 * it came. The original keeps half of the budget for recent tokens; here {@code --window} says.
 */
public record H2oPolicy() implements EvictionPolicy {
  @Override
  public String name() {
    return "h2o";
  }

  @Override
  public Observation observation() {
    return Observation.ALL;
  }

  @Override
  public void score(HeadRows rows, float[] scores) {
    for (int row = 0; row < rows.count(); row++) {
      scores[row] = (float) rows.share(row);
    }
  }
}
