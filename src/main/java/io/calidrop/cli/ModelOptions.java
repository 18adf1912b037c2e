package io.calidrop.cli;

import io.calidrop.attention.CacheOptions;
import io.calidrop.generate.Engine;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.Function;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Which model to load, how to compute with it and how to keep its cache. */
final class ModelOptions {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Mixin private LoadFlags model;

  @Option(
      names = {"-c", "--ctx"},
      paramLabel = "N",
      description =
          "Context: most tokens of a conversation; with a budget it may go on beyond. Default: the model's trained length.")
  private Integer context;

  @Mixin private CacheFlags cache;

  /** Loads the model, fetching the default one if it is not there yet. */
  Engine load(Io io, boolean verbose) throws IOException {
    int limit = LoadFlags.positive(spec, "--ctx", context, 0);
    Function<Path, CacheOptions> options = cache.options(io);
    return model.load(io, verbose, limit, options);
  }
}
