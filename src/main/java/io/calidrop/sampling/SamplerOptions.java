package io.calidrop.sampling;

import java.util.OptionalDouble;

/**
 * How tokens are chosen. The steps apply in the order of the components.
 *
 * @param repeatPenalty logits of tokens among the last {@code repeatLastN} are divided by it where
 *     positive and multiplied where negative (arXiv 1909.05858); empty: 1.1, and off at temperature
 *     0, so that greedy is greedy
 * @param frequencyPenalty subtracted from a token's logit for each time it is among them
 * @param presencePenalty subtracted from its logit once
 * @param repeatLastN tokens that the penalties look back on; 0 switches them off
 * @param topK most likely tokens kept, 0 for all
 * @param typicalP least probability mass of the tokens kept by typicality (arXiv 2202.00666), 1 for
 *     all
 * @param topP least mass of the likeliest tokens kept (arXiv 1904.09751), 1 for all
 * @param minP least probability of a token kept, relative to the likeliest (arXiv 2407.01082), 0
 *     for all
 * @param temperature divides the logits; 0 always takes the likeliest token
 * @param seed of the random generator
 */
public record SamplerOptions(
    OptionalDouble repeatPenalty,
    double frequencyPenalty,
    double presencePenalty,
    int repeatLastN,
    int topK,
    double typicalP,
    double topP,
    double minP,
    double temperature,
    long seed) {
  private static final double DEFAULT_REPEAT_PENALTY = 1.1;

  public SamplerOptions {
    if (repeatPenalty.isPresent()) {
      check(
          repeatPenalty.getAsDouble() > 0,
          "repeat penalty",
          repeatPenalty.getAsDouble(),
          "above 0");
    }
    check(Double.isFinite(frequencyPenalty), "frequency penalty", frequencyPenalty, "a number");
    check(Double.isFinite(presencePenalty), "presence penalty", presencePenalty, "a number");
    check(repeatLastN >= 0, "repeat window", repeatLastN, "at least 0");
    check(topK >= 0, "top-k", topK, "at least 0");
    check(typicalP > 0 && typicalP <= 1, "typical-p", typicalP, "above 0 and at most 1");
    check(topP > 0 && topP <= 1, "top-p", topP, "above 0 and at most 1");
    check(minP >= 0 && minP < 1, "min-p", minP, "at least 0 and below 1");
    check(temperature >= 0 && temperature <= 100, "temperature", temperature, "from 0 to 100");
  }

  private static void check(boolean valid, String name, Number value, String range) {
    if (!valid) {
      throw new IllegalArgumentException(name + " must be " + range + ", not " + value);
    }
  }

  /** The defaults, with seed 0. */
  public static SamplerOptions defaults() {
    return new SamplerOptions(OptionalDouble.empty(), 0, 0, 64, 40, 1, 0.9, 0.05, 0.7, 0);
  }

  /** Always the likeliest token. */
  public static SamplerOptions greedy() {
    return defaults().withTemperature(0);
  }

  public SamplerOptions withTemperature(double temperature) {
    return new SamplerOptions(
        repeatPenalty,
        frequencyPenalty,
        presencePenalty,
        repeatLastN,
        topK,
        typicalP,
        topP,
        minP,
        temperature,
        seed);
  }

  public SamplerOptions withSeed(long seed) {
    return new SamplerOptions(
        repeatPenalty,
        frequencyPenalty,
        presencePenalty,
        repeatLastN,
        topK,
        typicalP,
        topP,
        minP,
        temperature,
        seed);
  }

  /** The repetition penalty in force. */
  double effectiveRepeatPenalty() {
    return repeatPenalty.orElse(temperature == 0 ? 1 : DEFAULT_REPEAT_PENALTY);
  }
}
