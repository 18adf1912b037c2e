package io.calidrop.sampling;

import java.util.OptionalDouble;

/**
 * How the next token is chosen. The defaults are those of {@link #defaults()}; each {@code with}
 * method returns a copy that differs in one value.
 *
 * @param temperature divides the logits before the draw, at least 0; 0 is greedy: the most likely
 *     token, without a draw
 * @param topK keeps that many most likely tokens; 0 keeps all
 * @param topP keeps the fewest most likely tokens whose probabilities reach this sum, in [0, 1]; 1
 *     keeps all, 0 is greedy as temperature 0 is
 * @param minP keeps the tokens at least this fraction as likely as the likeliest, in [0, 1]; 0
 *     keeps all
 * @param typicalP keeps the fewest tokens nearest to the entropy whose probabilities reach this
 *     sum, in (0, 1]; 1 keeps all
 * @param repeatPenalty divides the positive and multiplies the negative logits of recent tokens of
 *     the answer, 0.01 to 100; 1 is off; empty is {@value #DEFAULT_REPEAT_PENALTY}, or off where
 *     greedy, so that greedy is greedy
 * @param repeatLastN how many recent tokens of the answer the three penalties look at, 0 to {@value
 *     #MAX_REPEAT_LAST_N}; 0 switches them off
 * @param frequencyPenalty subtracted from a recent token's logit for every occurrence, -100 to 100;
 *     0 is off
 * @param presencePenalty subtracted once from the logit of every recent token, -100 to 100; 0 is
 *     off
 * @param seed of the random draw; equal seeds repeat a text exactly
 */
public record SamplerOptions(
    double temperature,
    int topK,
    double topP,
    double minP,
    double typicalP,
    OptionalDouble repeatPenalty,
    int repeatLastN,
    double frequencyPenalty,
    double presencePenalty,
    long seed) {

  /** The repetition penalty where none is named and the temperature is not 0. */
  public static final double DEFAULT_REPEAT_PENALTY = 1.1;

  /** The longest history that the penalties look at. */
  public static final int MAX_REPEAT_LAST_N = 1 << 20;

  private static final SamplerOptions DEFAULTS =
      new SamplerOptions(0.3, 40, 0.9, 0.05, 1, OptionalDouble.empty(), 64, 0, 0, 0);

  /**
   * Checks every value.
   *
   * @throws IllegalArgumentException where a value is out of its range; the message names both
   */
  public SamplerOptions {
    require(temperature >= 0 && temperature < 1e6, "temperature", temperature, "0 (greedy) to 1e6");
    require(topK >= 0, "top-k", topK, "0 (off) or more");
    require(topP >= 0 && topP <= 1, "top-p", topP, "0 (greedy) to 1 (off)");
    require(minP >= 0 && minP <= 1, "min-p", minP, "0 (off) to 1");
    require(typicalP > 0 && typicalP <= 1, "typical-p", typicalP, "above 0, to 1 (off)");
    double repeat = repeatPenalty.orElse(1);
    require(repeat >= 0.01 && repeat <= 100, "repeat penalty", repeat, "0.01 to 100, 1 is off");
    require(
        repeatLastN >= 0 && repeatLastN <= MAX_REPEAT_LAST_N,
        "repeat-last-n",
        repeatLastN,
        "0 (off) to " + MAX_REPEAT_LAST_N);
    require(
        Math.abs(frequencyPenalty) <= 100,
        "frequency penalty",
        frequencyPenalty,
        "-100 to 100, 0 is off");
    require(
        Math.abs(presencePenalty) <= 100,
        "presence penalty",
        presencePenalty,
        "-100 to 100, 0 is off");
  }

  /** Temperature 0.3, top-k 40, top-p 0.9, min-p 0.05, repetition penalty 1.1 over 64, seed 0. */
  public static SamplerOptions defaults() {
    return DEFAULTS;
  }

  /** The most likely token each time. */
  public static SamplerOptions greedy() {
    return DEFAULTS.withTemperature(0);
  }

  /** Whether the most likely token is taken without a draw. */
  public boolean isGreedy() {
    return temperature == 0 || topP == 0;
  }

  /** The repetition penalty in force: {@link #repeatPenalty()}, or its default; 1 is off. */
  public double effectiveRepeatPenalty() {
    return repeatPenalty.orElse(isGreedy() ? 1 : DEFAULT_REPEAT_PENALTY);
  }

  public SamplerOptions withTemperature(double value) {
    return new SamplerOptions(
        value,
        topK,
        topP,
        minP,
        typicalP,
        repeatPenalty,
        repeatLastN,
        frequencyPenalty,
        presencePenalty,
        seed);
  }

  public SamplerOptions withTopK(int value) {
    return new SamplerOptions(
        temperature,
        value,
        topP,
        minP,
        typicalP,
        repeatPenalty,
        repeatLastN,
        frequencyPenalty,
        presencePenalty,
        seed);
  }

  public SamplerOptions withTopP(double value) {
    return new SamplerOptions(
        temperature,
        topK,
        value,
        minP,
        typicalP,
        repeatPenalty,
        repeatLastN,
        frequencyPenalty,
        presencePenalty,
        seed);
  }

  public SamplerOptions withMinP(double value) {
    return new SamplerOptions(
        temperature,
        topK,
        topP,
        value,
        typicalP,
        repeatPenalty,
        repeatLastN,
        frequencyPenalty,
        presencePenalty,
        seed);
  }

  public SamplerOptions withTypicalP(double value) {
    return new SamplerOptions(
        temperature,
        topK,
        topP,
        minP,
        value,
        repeatPenalty,
        repeatLastN,
        frequencyPenalty,
        presencePenalty,
        seed);
  }

  public SamplerOptions withRepeatPenalty(double value) {
    return new SamplerOptions(
        temperature,
        topK,
        topP,
        minP,
        typicalP,
        OptionalDouble.of(value),
        repeatLastN,
        frequencyPenalty,
        presencePenalty,
        seed);
  }

  public SamplerOptions withRepeatLastN(int value) {
    return new SamplerOptions(
        temperature,
        topK,
        topP,
        minP,
        typicalP,
        repeatPenalty,
        value,
        frequencyPenalty,
        presencePenalty,
        seed);
  }

  public SamplerOptions withFrequencyPenalty(double value) {
    return new SamplerOptions(
        temperature,
        topK,
        topP,
        minP,
        typicalP,
        repeatPenalty,
        repeatLastN,
        value,
        presencePenalty,
        seed);
  }

  public SamplerOptions withPresencePenalty(double value) {
    return new SamplerOptions(
        temperature,
        topK,
        topP,
        minP,
        typicalP,
        repeatPenalty,
        repeatLastN,
        frequencyPenalty,
        value,
        seed);
  }

  public SamplerOptions withSeed(long value) {
    return new SamplerOptions(
        temperature,
        topK,
        topP,
        minP,
        typicalP,
        repeatPenalty,
        repeatLastN,
        frequencyPenalty,
        presencePenalty,
        value);
  }

  private static void require(boolean holds, String name, Object value, String allowed) {
    if (!holds) {
      throw new IllegalArgumentException(name + " is " + value + ", allowed is " + allowed);
    }
  }
}
