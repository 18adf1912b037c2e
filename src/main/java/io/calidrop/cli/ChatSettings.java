package io.calidrop.cli;

import io.calidrop.generate.GenerationOptions;
import io.calidrop.sampling.SamplerOptions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;

/** Options that can be changed in a chat, under the names that they have on the command line. */
final class ChatSettings {
  private static final Map<String, BiFunction<SamplerOptions, Double, SamplerOptions>> SAMPLING =
      new LinkedHashMap<>();

  static {
    SAMPLING.put("temp", SamplerOptions::withTemperature);
    SAMPLING.put("top-k", (options, value) -> options.withTopK(whole(value)));
    SAMPLING.put("top-p", SamplerOptions::withTopP);
    SAMPLING.put("min-p", SamplerOptions::withMinP);
    SAMPLING.put("typical", SamplerOptions::withTypicalP);
    SAMPLING.put("repeat-penalty", SamplerOptions::withRepeatPenalty);
    SAMPLING.put("frequency-penalty", SamplerOptions::withFrequencyPenalty);
    SAMPLING.put("presence-penalty", SamplerOptions::withPresencePenalty);
  }

  /** The one that is no number: {@code NAME=JSON} for the template. */
  static final String TEMPLATE_ARGUMENT = "template-arg";

  private ChatSettings() {}

  static List<String> names() {
    List<String> names = new ArrayList<>(SAMPLING.keySet());
    names.add("seed");
    names.add("n");
    names.add(TEMPLATE_ARGUMENT);
    return names;
  }

  private static int whole(double value) {
    if (value != Math.rint(value) || Math.abs(value) > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(value + " is no whole number");
    }
    return (int) value;
  }

  /** A seed has 64 bits, more than a double holds. */
  private static long seed(String text) {
    try {
      return Long.parseLong(text);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(text + " is no whole number of 64 bits", e);
    }
  }

  /**
   * The options with one changed.
   *
   * @throws IllegalArgumentException if there is none of that name, or the value is not allowed
   */
  static GenerationOptions with(GenerationOptions options, String name, String text) {
    if (name.equals("seed")) {
      return options.withSampling(options.sampling().withSeed(seed(text)));
    }
    double value;
    try {
      value = Double.parseDouble(text);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("%s is no number".formatted(text), e);
    }
    if (name.equals("n")) {
      return options.withMaxTokens(whole(value));
    }
    BiFunction<SamplerOptions, Double, SamplerOptions> change = SAMPLING.get(name);
    if (change == null) {
      throw new IllegalArgumentException(
          "there is no option %s; there are %s".formatted(name, String.join(", ", names())));
    }
    return options.withSampling(change.apply(options.sampling(), value));
  }

  /**
   * What is in force.
   *
   * @param recommended stands where nobody chose a value
   */
  static String describe(GenerationOptions options, SamplerOptions recommended) {
    SamplerOptions s = options.sampling().over(recommended);
    return "temp %s, top-k %d, top-p %s, min-p %s, typical %s, repeat-penalty %s, seed %d, n %d"
        .formatted(
            s.temperature(),
            s.topK(),
            s.topP(),
            s.minP(),
            s.typicalP(),
            s.repeatPenalty(),
            s.seed(),
            options.maxTokens());
  }
}
