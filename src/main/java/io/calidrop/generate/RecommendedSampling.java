package io.calidrop.generate;

import io.calidrop.gguf.Metadata;
import io.calidrop.gguf.MetadataType;
import io.calidrop.sampling.SamplerOptions;
import io.calidrop.sampling.SamplerOptions.Parameter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * How a model's file says that tokens are chosen: the keys {@code general.sampling.*}, which
 * llama.cpp's converters write from a model's {@code generation_config.json}.
 *
 * @param options what it recommends, and nothing else
 * @param notices what of it is not followed
 */
public record RecommendedSampling(SamplerOptions options, List<String> notices) {
  private static final String PREFIX = "general.sampling.";

  private static final Map<String, Parameter> PARAMETERS = new LinkedHashMap<>();

  static {
    PARAMETERS.put("temp", Parameter.TEMPERATURE);
    PARAMETERS.put("top_k", Parameter.TOP_K);
    PARAMETERS.put("top_p", Parameter.TOP_P);
    PARAMETERS.put("min_p", Parameter.MIN_P);
    PARAMETERS.put("penalty_repeat", Parameter.REPEAT_PENALTY);
    PARAMETERS.put("penalty_last_n", Parameter.REPEAT_LAST_N);
  }

  /** What there is nothing like; 0 asks for nothing. */
  private static final List<String> UNKNOWN = List.of("sequence", "mirostat", "xtc_probability");

  public RecommendedSampling {
    notices = List.copyOf(notices);
  }

  /** What a file recommends. */
  public static RecommendedSampling of(Metadata metadata) {
    SamplerOptions options = SamplerOptions.defaults();
    List<String> notices = new ArrayList<>();
    for (Map.Entry<String, Parameter> entry : PARAMETERS.entrySet()) {
      String key = PREFIX + entry.getKey();
      if (!metadata.contains(key)) {
        continue;
      }
      Optional<Double> number = number(metadata, key);
      try {
        options =
            options.with(
                entry.getValue(),
                number.orElseThrow(() -> new IllegalArgumentException("it is no number")));
      } catch (IllegalArgumentException e) {
        notices.add("%s: %s is not followed: %s".formatted(metadata.source(), key, e.getMessage()));
      }
    }
    for (String name : UNKNOWN) {
      String key = PREFIX + name;
      if (metadata.contains(key) && number(metadata, key).orElse(1.0) != 0) {
        notices.add(
            "%s: %s is not followed: there is nothing like it".formatted(metadata.source(), key));
      }
    }
    return new RecommendedSampling(options, notices);
  }

  private static Optional<Double> number(Metadata metadata, String key) {
    Metadata.Value value = metadata.value(key).orElseThrow();
    if (!(value.value() instanceof Number number)) {
      return Optional.empty();
    }
    if (value.type() == MetadataType.FLOAT32) {
      // The decimal that the float stands for: .6 is the .6 of a command line.
      return Optional.of(Double.parseDouble(Float.toString(number.floatValue())));
    }
    boolean all = key.equals(PREFIX + "top_k") && number.longValue() < 0; // llama.cpp's other 0
    return Optional.of(all ? 0 : number.doubleValue());
  }
}
