package io.calidrop.sampling;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Set;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.FloatRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

class PenaltiesTest {
  private static final int VOCABULARY = 12;

  @Property(tries = 300)
  void everyTokenOfTheWindowIsPenalisedByItsCount(
      @ForAll @Size(max = 40) List<@IntRange(max = VOCABULARY - 1) Integer> history,
      @ForAll @Size(VOCABULARY) List<@FloatRange(min = -9, max = 9) Float> logits,
      @ForAll @IntRange(min = 1, max = 20) int window) {
    Penalties penalties = new Penalties(1.3f, 0.25f, 0.5f, window, VOCABULARY);
    history.forEach(penalties::accept);
    List<Integer> recent = history.subList(Math.max(0, history.size() - window), history.size());
    for (int round = 0; round < 2; round++) { // the second finds the counts as the first did
      float[] actual = new float[VOCABULARY];
      for (int id = 0; id < VOCABULARY; id++) {
        actual[id] = logits.get(id);
      }
      penalties.apply(actual);
      for (int id = 0; id < VOCABULARY; id++) {
        int token = id;
        long count = recent.stream().filter(t -> t == token).count();
        float logit = logits.get(id);
        float expected = logit;
        if (count > 0) {
          expected = logit > 0 ? logit / 1.3f : logit * 1.3f;
          expected = expected - count * 0.25f - 0.5f;
        }
        assertThat(actual[id]).isEqualTo(expected);
      }
    }
  }

  @Example
  void aTokenLeavesTheWindow() {
    SamplerOptions options = SamplerOptions.greedy().withPresencePenalty(5).withRepeatLastN(2);
    Sampler sampler = new SamplerChain(options, 3);
    sampler.accept(2);
    assertThat(sampler.sample(new float[] {0, 1, 2})).isEqualTo(1);
    sampler.accept(0);
    assertThat(sampler.sample(new float[] {0, 1, 2})).isEqualTo(1);
    sampler.accept(0);
    assertThat(sampler.sample(new float[] {0, 1, 2})).isEqualTo(2);
  }

  @Example
  void greedyIsGreedyUnlessAPenaltyIsNamed() {
    SamplerOptions options = SamplerOptions.greedy();
    float[] logits = {1.05f, 1, 0};
    for (SamplerOptions o : Set.of(options, options.withRepeatPenalty(1))) {
      Sampler plain = new SamplerChain(o, 3);
      plain.accept(0);
      assertThat(plain.sample(logits.clone())).isZero();
    }
    Sampler penalised = new SamplerChain(options.withRepeatPenalty(1.1), 3);
    penalised.accept(0);
    assertThat(penalised.sample(logits.clone())).isEqualTo(1);
  }
}
