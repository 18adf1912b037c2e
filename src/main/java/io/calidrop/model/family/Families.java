package io.calidrop.model.family;

import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** The families that can be run. */
public final class Families {
  private static final List<Architecture> ALL =
      List.of(
          Llama.ARCHITECTURE,
          Qwen2.ARCHITECTURE,
          Qwen3.ARCHITECTURE,
          Qwen3Moe.ARCHITECTURE,
          SmolLm3.ARCHITECTURE,
          Granite.ARCHITECTURE,
          Phi3.ARCHITECTURE,
          Olmo2.ARCHITECTURE,
          Mistral3.ARCHITECTURE,
          Gemma2.ARCHITECTURE,
          Gemma3.ARCHITECTURE);

  private Families() {}

  public static List<Architecture> all() {
    return ALL;
  }

  /** The family with this value of {@code general.architecture}. */
  public static Optional<Architecture> named(String name) {
    return ALL.stream().filter(family -> family.name().equals(name)).findFirst();
  }

  /** All names, separated by spaces. */
  public static String names() {
    return ALL.stream().map(Architecture::name).collect(Collectors.joining(" "));
  }
}
