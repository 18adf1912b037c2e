package io.calidrop.attention.policy;

import io.calidrop.attention.EvictionPolicy;
import io.calidrop.attention.HeadRows;

/**
 * StreamingLLM (arXiv 2309.17453): the sinks and the latest tokens. Unlike the original, which
 * numbers the retained tokens anew at every step, they keep their positions.
 */
public record StreamingPolicy() implements EvictionPolicy {
  @Override
  public String name() {
    return "streaming";
  }

  @Override
  public void score(HeadRows rows, float[] scores) {
    for (int row = 0; row < rows.count(); row++) {
      scores[row] = row;
    }
  }
}
