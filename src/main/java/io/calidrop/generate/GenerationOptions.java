package io.calidrop.generate;

import io.calidrop.constraint.Constraint;
import io.calidrop.sampling.SamplerOptions;
import java.util.List;
import java.util.Optional;

/**
 * What to generate. The defaults are those of {@link #defaults()}; each {@code with} method returns
 * a copy that differs in one value. Immutable: threads may share it.
 *
 * @param maxTokens most tokens, or {@link #UNLIMITED}: up to the context
 * @param sampling how tokens are chosen
 * @param stop texts that end the generation when they appear
 * @param constraint what the text must be: no token is chosen that does not fit it
 */
public record GenerationOptions(
    int maxTokens, SamplerOptions sampling, List<String> stop, Optional<Constraint> constraint) {
  /** As many tokens as the context holds. */
  public static final int UNLIMITED = -1;

  /** Tokens where nobody names a number. */
  public static final int DEFAULT_MAX_TOKENS = 512;

  public GenerationOptions {
    if (maxTokens < 1 && maxTokens != UNLIMITED) {
      throw new IllegalArgumentException(
          "the number of tokens must be at least 1, or -1 for no limit, not " + maxTokens);
    }
    stop = List.copyOf(stop);
    if (stop.contains("")) {
      throw new IllegalArgumentException("a stop string must not be empty");
    }
  }

  /** Options for any text. */
  public GenerationOptions(int maxTokens, SamplerOptions sampling, List<String> stop) {
    this(maxTokens, sampling, stop, Optional.empty());
  }

  /**
   * At most {@value #DEFAULT_MAX_TOKENS} tokens, chosen as {@link SamplerOptions#defaults()} says,
   * without stop texts.
   */
  public static GenerationOptions defaults() {
    return new GenerationOptions(DEFAULT_MAX_TOKENS, SamplerOptions.defaults(), List.of());
  }

  public GenerationOptions withMaxTokens(int maxTokens) {
    return new GenerationOptions(maxTokens, sampling, stop, constraint);
  }

  public GenerationOptions withSampling(SamplerOptions sampling) {
    return new GenerationOptions(maxTokens, sampling, stop, constraint);
  }

  public GenerationOptions withStop(String... stop) {
    return withStop(List.of(stop));
  }

  public GenerationOptions withStop(List<String> stop) {
    return new GenerationOptions(maxTokens, sampling, stop, constraint);
  }

  public GenerationOptions withConstraint(Optional<Constraint> constraint) {
    return new GenerationOptions(maxTokens, sampling, stop, constraint);
  }
}
