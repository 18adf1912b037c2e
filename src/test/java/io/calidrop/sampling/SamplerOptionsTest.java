package io.calidrop.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class SamplerOptionsTest {
  private static final SamplerOptions DEFAULTS = SamplerOptions.defaults();

  static Stream<Arguments> bad() {
    return Stream.of(
        bad("temperature is -0.1", () -> DEFAULTS.withTemperature(-0.1)),
        bad("temperature is NaN", () -> DEFAULTS.withTemperature(Double.NaN)),
        bad("top-k is -1", () -> DEFAULTS.withTopK(-1)),
        bad("top-p is -0.1", () -> DEFAULTS.withTopP(-0.1)),
        bad("top-p is 1.1", () -> DEFAULTS.withTopP(1.1)),
        bad("min-p is -0.5", () -> DEFAULTS.withMinP(-0.5)),
        bad("min-p is 2.0", () -> DEFAULTS.withMinP(2)),
        bad("typical-p is 0.0", () -> DEFAULTS.withTypicalP(0)),
        bad("repeat penalty is 0.0", () -> DEFAULTS.withRepeatPenalty(0)),
        bad("repeat penalty is NaN", () -> DEFAULTS.withRepeatPenalty(Double.NaN)),
        bad("repeat-last-n is -2", () -> DEFAULTS.withRepeatLastN(-2)),
        bad("repeat-last-n is 2147483647", () -> DEFAULTS.withRepeatLastN(Integer.MAX_VALUE)),
        bad("frequency penalty is NaN", () -> DEFAULTS.withFrequencyPenalty(Double.NaN)),
        bad("presence penalty is 101.0", () -> DEFAULTS.withPresencePenalty(101)));
  }

  private static Arguments bad(String message, Supplier<SamplerOptions> options) {
    return Arguments.of(message, options);
  }

  @ParameterizedTest
  @MethodSource("bad")
  void namesTheValueAndTheRange(String message, Supplier<SamplerOptions> options) {
    assertThatThrownBy(options::get)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith(message + ", allowed is ")
        .message()
        .doesNotContain("\n");
  }

  @Test
  void eachWitherChangesItsValue() {
    SamplerOptions o =
        DEFAULTS
            .withTemperature(0.1)
            .withTopK(2)
            .withTopP(0.3)
            .withMinP(0.4)
            .withTypicalP(0.5)
            .withRepeatPenalty(1.6)
            .withRepeatLastN(7)
            .withFrequencyPenalty(0.8)
            .withPresencePenalty(0.9)
            .withSeed(10);
    assertThat(o)
        .hasToString(
            "temperature 0.1, top-k 2, top-p 0.3, min-p 0.4, typical-p 0.5, repeat penalty 1.6, "
                + "repeat-last-n 7, frequency penalty 0.8, presence penalty 0.9");
    assertThat(o.temperature()).isEqualTo(0.1);
    assertThat(o.topK()).isEqualTo(2);
    assertThat(o.topP()).isEqualTo(0.3);
    assertThat(o.minP()).isEqualTo(0.4);
    assertThat(o.typicalP()).isEqualTo(0.5);
    assertThat(o.repeatPenalty()).isEqualTo(1.6);
    assertThat(o.repeatLastN()).isEqualTo(7);
    assertThat(o.frequencyPenalty()).isEqualTo(0.8);
    assertThat(o.presencePenalty()).isEqualTo(0.9);
    assertThat(o.seed()).isEqualTo(10);
  }

  @Test
  void whatNobodyChoseComesFromOthers() {
    SamplerOptions others = DEFAULTS.withTemperature(1).withTopK(9).withSeed(3);
    SamplerOptions both = DEFAULTS.withTemperature(0.3).withSeed(4).over(others);
    assertThat(both.temperature()).as("chosen, although it is the default").isEqualTo(0.3);
    assertThat(both.topK()).isEqualTo(9);
    assertThat(both.topP()).isEqualTo(0.9);
    assertThat(both.seed()).isEqualTo(4);
  }

  @Test
  void greedyIsGreedyWhateverPenaltyOthersHave() {
    SamplerOptions others = DEFAULTS.withRepeatPenalty(1.5);
    assertThat(DEFAULTS.over(others).repeatPenalty()).isEqualTo(1.5);
    assertThat(SamplerOptions.greedy().over(others).repeatPenalty()).isEqualTo(1);
    assertThat(DEFAULTS.over(others.withTemperature(0)).repeatPenalty())
        .as("both are the others'")
        .isEqualTo(1.5);
  }

  @Test
  void theRepetitionPenaltyIsOffWhereGreedy() {
    assertThat(DEFAULTS.repeatPenalty()).isEqualTo(1.1);
    assertThat(SamplerOptions.greedy().repeatPenalty()).isEqualTo(1);
    assertThat(DEFAULTS.withTopP(0).repeatPenalty()).isEqualTo(1);
    assertThat(SamplerOptions.greedy().withRepeatPenalty(1.2).repeatPenalty()).isEqualTo(1.2);
  }
}
