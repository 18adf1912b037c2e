package io.calidrop.cli;

import io.calidrop.cli.HelpGroup.Heading;
import io.calidrop.constraint.Constraint;
import io.calidrop.generate.GenerationOptions;
import io.calidrop.sampling.SamplerOptions;
import io.calidrop.sampling.SamplerOptions.Parameter;
import io.calidrop.text.Utf8;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** How text is generated. */
@HelpGroup(Heading.SAMPLING)
final class GenerationFlags {
  private static final SamplerOptions DEFAULTS = SamplerOptions.defaults();

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @HelpGroup(Heading.GENERATION)
  @Option(
      names = {"-n", "--n-predict"},
      paramLabel = "N",
      description =
          "Most tokens to generate, "
              + GenerationOptions.UNLIMITED
              + " up to the context. Default: "
              + GenerationOptions.DEFAULT_MAX_TOKENS
              + ", in a chat "
              + GenerationOptions.UNLIMITED
              + ".")
  private Integer maxTokens;

  @HelpGroup(Heading.GENERATION)
  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      description = "End when this text appears; may be repeated.")
  private List<String> stop = new ArrayList<>();

  @HelpGroup(Heading.GENERATION)
  @Option(
      names = "--json-schema",
      paramLabel = "FILE",
      description =
          "Answer with JSON that fits this JSON schema; {} is any JSON. In a batch, for requests "
              + "without a response_format.")
  private Path schema;

  @Option(
      names = "--temp",
      paramLabel = "T",
      description =
          "Temperature; 0 always takes the likeliest token. Default: ${DEFAULT-VALUE}, here and below "
              + "unless the model's file recommends another value.")
  private double temperature = DEFAULTS.temperature();

  @Option(
      names = "--top-k",
      paramLabel = "K",
      description = "Draw among the K likeliest tokens, 0 among all. Default: ${DEFAULT-VALUE}.")
  private int topK = DEFAULTS.topK();

  @Option(
      names = "--top-p",
      paramLabel = "P",
      description =
          "Draw among the likeliest tokens of this mass, 0 takes the likeliest. Default: ${DEFAULT-VALUE}.")
  private double topP = DEFAULTS.topP();

  @Option(
      names = "--min-p",
      paramLabel = "P",
      description = "Least probability relative to the likeliest token. Default: ${DEFAULT-VALUE}.")
  private double minP = DEFAULTS.minP();

  @HelpGroup(value = Heading.SAMPLING, rare = true)
  @Option(
      names = "--typical",
      paramLabel = "P",
      description =
          "Mass of the most typical tokens to draw from, 1 is off. Default: ${DEFAULT-VALUE}.")
  private double typicalP = DEFAULTS.typicalP();

  @Option(
      names = "--repeat-penalty",
      paramLabel = "X",
      description =
          "Penalty on tokens that the answer has, 1 is off. Default: ${DEFAULT-VALUE}, at temperature 0 off.")
  private double repeatPenalty = DEFAULTS.repeatPenalty();

  @HelpGroup(value = Heading.SAMPLING, rare = true)
  @Option(
      names = "--repeat-last-n",
      paramLabel = "N",
      description =
          "Tokens of the answer that the penalties look back on. Default: ${DEFAULT-VALUE}.")
  private int repeatLastN = DEFAULTS.repeatLastN();

  @HelpGroup(value = Heading.SAMPLING, rare = true)
  @Option(
      names = "--frequency-penalty",
      paramLabel = "X",
      description = "Penalty for each occurrence of a token. Default: ${DEFAULT-VALUE}.")
  private double frequencyPenalty = DEFAULTS.frequencyPenalty();

  @HelpGroup(value = Heading.SAMPLING, rare = true)
  @Option(
      names = "--presence-penalty",
      paramLabel = "X",
      description = "Penalty for tokens that occurred. Default: ${DEFAULT-VALUE}.")
  private double presencePenalty = DEFAULTS.presencePenalty();

  @Option(
      names = {"-s", "--seed"},
      paramLabel = "N",
      description =
          "Seed that repeats a text exactly. Default: a random one, shown afterwards; in batch 0.")
  private Long seed;

  /** The options; a value out of range is a usage error. */
  GenerationOptions options(int defaultMaxTokens) throws IOException {
    return options(defaultMaxTokens, randomSeed());
  }

  private static int randomSeed() {
    return ThreadLocalRandom.current().nextInt(Integer.MAX_VALUE);
  }

  /** Gives the options, each time with another seed unless one is given. */
  Supplier<GenerationOptions> supplier(int defaultMaxTokens) throws IOException {
    GenerationOptions options = options(defaultMaxTokens);
    return () ->
        seed != null ? options : options.withSampling(options.sampling().withSeed(randomSeed()));
  }

  /** The options with a seed that is always the same unless another is given. */
  GenerationOptions options(int defaultMaxTokens, long defaultSeed) throws IOException {
    String schemaText = schema == null ? null : Utf8.read(schema);
    try {
      SamplerOptions sampling = DEFAULTS.withSeed(seed == null ? defaultSeed : seed);
      sampling = chosen(sampling, "--temp", Parameter.TEMPERATURE, temperature);
      sampling = chosen(sampling, "--top-k", Parameter.TOP_K, topK);
      sampling = chosen(sampling, "--top-p", Parameter.TOP_P, topP);
      sampling = chosen(sampling, "--min-p", Parameter.MIN_P, minP);
      sampling = chosen(sampling, "--typical", Parameter.TYPICAL_P, typicalP);
      sampling = chosen(sampling, "--repeat-penalty", Parameter.REPEAT_PENALTY, repeatPenalty);
      sampling = chosen(sampling, "--repeat-last-n", Parameter.REPEAT_LAST_N, repeatLastN);
      sampling =
          chosen(sampling, "--frequency-penalty", Parameter.FREQUENCY_PENALTY, frequencyPenalty);
      sampling =
          chosen(sampling, "--presence-penalty", Parameter.PRESENCE_PENALTY, presencePenalty);
      return new GenerationOptions(
          maxTokens == null ? defaultMaxTokens : maxTokens,
          sampling,
          stop,
          Optional.ofNullable(schemaText).map(this::constraint));
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }

  /** With the value of an option that was given, as opposed to its default. */
  private SamplerOptions chosen(
      SamplerOptions options, String name, Parameter parameter, double value) {
    boolean given = spec.commandLine().getParseResult().hasMatchedOption(name);
    return given ? options.with(parameter, value) : options;
  }

  private Constraint constraint(String text) {
    try {
      return Constraint.of(text);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "--json-schema %s: %s".formatted(schema, e.getMessage()), e);
    }
  }
}
