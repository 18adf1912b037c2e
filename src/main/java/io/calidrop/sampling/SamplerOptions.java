package io.calidrop.sampling;

import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * How the next token is chosen: the values that somebody chose, and of the others the defaults.
 * Each {@code with} method returns a copy that differs in one value. Immutable: threads may share
 * it.
 *
 * @param given the values that were chosen, each in its range
 * @param seed of the random draw; equal seeds repeat a text exactly
 */
public record SamplerOptions(Map<Parameter, Double> given, long seed) {

  /** A value that says how tokens are chosen. */
  public enum Parameter {
    /** Divides the logits before the draw; 0 is greedy: the most likely token, without a draw. */
    TEMPERATURE("temperature", 0, Math.nextDown(1e6), 0.3, "0 (greedy) to 1e6"),

    /** Keeps that many most likely tokens; 0 keeps all. */
    TOP_K("top-k", 0, Integer.MAX_VALUE, 40, "0 (off) or more"),

    /**
     * Keeps the fewest most likely tokens whose probabilities reach this sum; 1 keeps all, 0 is
     * greedy as temperature 0 is.
     */
    TOP_P("top-p", 0, 1, 0.9, "0 (greedy) to 1 (off)"),

    /** Keeps the tokens at least this fraction as likely as the likeliest; 0 keeps all. */
    MIN_P("min-p", 0, 1, 0.05, "0 (off) to 1"),

    /**
     * Keeps the fewest tokens nearest to the entropy whose probabilities reach this sum; 1 keeps
     * all.
     */
    TYPICAL_P("typical-p", Double.MIN_VALUE, 1, 1, "above 0, to 1 (off)"),

    /**
     * Divides the positive and multiplies the negative logits of recent tokens of the answer; 1 is
     * off. Where nobody chose it, it is off where greedy, so that greedy is greedy.
     */
    REPEAT_PENALTY("repeat penalty", 0.01, 100, 1.1, "0.01 to 100, 1 is off"),

    /** How many recent tokens of the answer the three penalties look at; 0 switches them off. */
    REPEAT_LAST_N("repeat-last-n", 0, 1 << 20, 64, "0 (off) to " + (1 << 20)),

    /** Subtracted from a recent token's logit for every occurrence; 0 is off. */
    FREQUENCY_PENALTY("frequency penalty", -100, 100, 0, "-100 to 100, 0 is off"),

    /** Subtracted once from the logit of every recent token; 0 is off. */
    PRESENCE_PENALTY("presence penalty", -100, 100, 0, "-100 to 100, 0 is off");

    private final String text;
    private final double least;
    private final double most;
    private final double usual;
    private final String allowed;

    Parameter(String text, double least, double most, double usual, String allowed) {
      this.text = text;
      this.least = least;
      this.most = most;
      this.usual = usual;
      this.allowed = allowed;
    }

    private boolean isCount() {
      return this == TOP_K || this == REPEAT_LAST_N;
    }

    private void check(double value) {
      boolean fits = value >= least && value <= most && !(isCount() && value != Math.rint(value));
      if (!fits) {
        throw new IllegalArgumentException(
            "%s is %s, allowed is %s".formatted(text, shown(value), allowed));
      }
    }

    /** A value as people write it: counts without a decimal point. */
    public String shown(double value) {
      return isCount() && value == (long) value
          ? Long.toString((long) value)
          : Double.toString(value);
    }

    @Override
    public String toString() {
      return text;
    }
  }

  private static final SamplerOptions DEFAULTS = new SamplerOptions(Map.of(), 0);

  /**
   * Checks every value.
   *
   * @throws IllegalArgumentException where a value is out of its range; the message names both
   */
  public SamplerOptions {
    given.forEach(Parameter::check);
    EnumMap<Parameter, Double> copy = new EnumMap<>(Parameter.class);
    copy.putAll(given);
    given = Collections.unmodifiableMap(copy);
  }

  /** Nothing chosen: the usual value of each parameter, and seed 0. */
  public static SamplerOptions defaults() {
    return DEFAULTS;
  }

  /** The most likely token each time. */
  public static SamplerOptions greedy() {
    return DEFAULTS.withTemperature(0);
  }

  /**
   * These options, with another's values where nobody chose one here. Its repetition penalty is
   * left out where these are greedy, so that greedy is greedy.
   */
  public SamplerOptions over(SamplerOptions others) {
    EnumMap<Parameter, Double> all = new EnumMap<>(Parameter.class);
    all.putAll(others.given);
    if (isGreedy()) {
      all.remove(Parameter.REPEAT_PENALTY);
    }
    all.putAll(given);
    return new SamplerOptions(all, seed);
  }

  public double temperature() {
    return value(Parameter.TEMPERATURE);
  }

  public int topK() {
    return (int) value(Parameter.TOP_K);
  }

  public double topP() {
    return value(Parameter.TOP_P);
  }

  public double minP() {
    return value(Parameter.MIN_P);
  }

  public double typicalP() {
    return value(Parameter.TYPICAL_P);
  }

  /** The repetition penalty in force: what was chosen, or its default; 1 is off. */
  public double repeatPenalty() {
    boolean off = isGreedy() && !given.containsKey(Parameter.REPEAT_PENALTY);
    return off ? 1 : value(Parameter.REPEAT_PENALTY);
  }

  public int repeatLastN() {
    return (int) value(Parameter.REPEAT_LAST_N);
  }

  public double frequencyPenalty() {
    return value(Parameter.FREQUENCY_PENALTY);
  }

  public double presencePenalty() {
    return value(Parameter.PRESENCE_PENALTY);
  }

  private double value(Parameter parameter) {
    return given.getOrDefault(parameter, parameter.usual);
  }

  /** Whether the most likely token is taken without a draw. */
  public boolean isGreedy() {
    return temperature() == 0 || topP() == 0;
  }

  /** A copy with a value that is chosen. */
  public SamplerOptions with(Parameter parameter, double value) {
    EnumMap<Parameter, Double> all = new EnumMap<>(Parameter.class);
    all.putAll(given);
    all.put(parameter, value);
    return new SamplerOptions(all, seed);
  }

  public SamplerOptions withTemperature(double value) {
    return with(Parameter.TEMPERATURE, value);
  }

  public SamplerOptions withTopK(int value) {
    return with(Parameter.TOP_K, value);
  }

  public SamplerOptions withTopP(double value) {
    return with(Parameter.TOP_P, value);
  }

  public SamplerOptions withMinP(double value) {
    return with(Parameter.MIN_P, value);
  }

  public SamplerOptions withTypicalP(double value) {
    return with(Parameter.TYPICAL_P, value);
  }

  public SamplerOptions withRepeatPenalty(double value) {
    return with(Parameter.REPEAT_PENALTY, value);
  }

  public SamplerOptions withRepeatLastN(int value) {
    return with(Parameter.REPEAT_LAST_N, value);
  }

  public SamplerOptions withFrequencyPenalty(double value) {
    return with(Parameter.FREQUENCY_PENALTY, value);
  }

  public SamplerOptions withPresencePenalty(double value) {
    return with(Parameter.PRESENCE_PENALTY, value);
  }

  public SamplerOptions withSeed(long value) {
    return new SamplerOptions(given, value);
  }

  /** What was chosen, without the seed: {@code temperature 0.6, top-k 20}. */
  @Override
  public String toString() {
    return given.entrySet().stream()
        .map(entry -> entry.getKey() + " " + entry.getKey().shown(entry.getValue()))
        .collect(Collectors.joining(", "));
  }
}
