package io.calidrop.attention.policy;

import io.calidrop.attention.EvictionPolicy;
import io.calidrop.attention.HeadRows;
import java.util.SplittableRandom;

/** Uniform scores, the control: the same for the same seed, place and length of the sequence. */
public record RandomPolicy(long seed) implements EvictionPolicy {
  @Override
  public String name() {
    return "random";
  }

  @Override
  public void score(HeadRows rows, float[] scores) {
    long place = (rows.seen() * 1009 + rows.layer()) * 1009 + rows.kvHead();
    SplittableRandom random = new SplittableRandom(seed ^ place * 0x9E3779B97F4A7C15L);
    for (int row = 0; row < rows.count(); row++) {
      scores[row] = (float) random.nextDouble();
    }
  }
}
