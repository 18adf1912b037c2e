package io.calidrop.cli;

import io.calidrop.generate.GenerationOptions;
import io.calidrop.sampling.SamplerOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.concurrent.ThreadLocalRandom;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** How text is generated. */
final class GenerationFlags {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = {"-n", "--n-predict"},
      paramLabel = "N",
      description = "Most tokens to generate, -1 up to the context. Default: 512, in a chat -1.")
  private Integer maxTokens;

  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      description = "End when this text appears; may be repeated.")
  private List<String> stop = new ArrayList<>();

  @Option(
      names = "--temp",
      paramLabel = "T",
      defaultValue = "0.7",
      description = "Temperature; 0 always takes the likeliest token. Default: ${DEFAULT-VALUE}.")
  private double temperature;

  @Option(
      names = "--top-k",
      paramLabel = "K",
      defaultValue = "40",
      description = "Draw among the K likeliest tokens, 0 among all. Default: ${DEFAULT-VALUE}.")
  private int topK;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      defaultValue = "0.9",
      description =
          "Draw among the likeliest tokens of this mass, 0 takes the likeliest. Default: ${DEFAULT-VALUE}.")
  private double topP;

  @Option(
      names = "--min-p",
      paramLabel = "P",
      defaultValue = "0.05",
      description = "Least probability relative to the likeliest token. Default: ${DEFAULT-VALUE}.")
  private double minP;

  @Option(
      names = "--typical",
      paramLabel = "P",
      defaultValue = "1",
      description =
          "Mass of the most typical tokens to draw from, 1 is off. Default: ${DEFAULT-VALUE}.")
  private double typicalP;

  @Option(
      names = "--repeat-penalty",
      paramLabel = "X",
      description = "Penalty on repeated tokens, 1 is off. Default: 1.1, at temperature 0 off.")
  private Double repeatPenalty;

  @Option(
      names = "--repeat-last-n",
      paramLabel = "N",
      defaultValue = "64",
      description = "Tokens that the penalties look back on. Default: ${DEFAULT-VALUE}.")
  private int repeatLastN;

  @Option(
      names = "--frequency-penalty",
      paramLabel = "X",
      defaultValue = "0",
      description = "Penalty for each occurrence of a token. Default: ${DEFAULT-VALUE}.")
  private double frequencyPenalty;

  @Option(
      names = "--presence-penalty",
      paramLabel = "X",
      defaultValue = "0",
      description = "Penalty for tokens that occurred. Default: ${DEFAULT-VALUE}.")
  private double presencePenalty;

  @Option(
      names = {"-s", "--seed"},
      paramLabel = "N",
      description =
          "Seed that repeats a text exactly. Default: a random one, shown afterwards; in batch 0.")
  private Long seed;

  /** The options; a value out of range is a usage error. */
  GenerationOptions options(int defaultMaxTokens) {
    return options(defaultMaxTokens, ThreadLocalRandom.current().nextInt(Integer.MAX_VALUE));
  }

  /** The options with a seed that is always the same unless another is given. */
  GenerationOptions options(int defaultMaxTokens, long defaultSeed) {
    try {
      SamplerOptions sampling =
          new SamplerOptions(
              temperature,
              topK,
              topP,
              minP,
              typicalP,
              repeatPenalty == null ? OptionalDouble.empty() : OptionalDouble.of(repeatPenalty),
              repeatLastN,
              frequencyPenalty,
              presencePenalty,
              seed == null ? defaultSeed : seed);
      return new GenerationOptions(
          maxTokens == null ? defaultMaxTokens : maxTokens, sampling, stop);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }
}
