package io.calidrop.cli;

import io.calidrop.attention.CacheChoice;
import io.calidrop.cli.HelpGroup.Heading;
import io.calidrop.generate.Engine;
import io.calidrop.generate.Speculation;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Which model to load, how to compute with it and how to keep its cache. */
final class ModelFlags {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Mixin private LoadFlags model;

  @HelpGroup(Heading.CACHE)
  @Option(
      names = {"-c", "--ctx"},
      paramLabel = "N",
      description =
          "Context: most tokens of a conversation; with a budget it may go on beyond. Default: the model's trained length.")
  private Integer context;

  @Mixin private CacheFlags cache;

  /** What becomes of a sequence that fills the context, where no budget bounds the cache. */
  enum OnFull {
    /** It ends. */
    STOP,
    /** Half of the context becomes a budget. */
    EVICT
  }

  /**
   * Loads the model, fetching the default one if it is not there yet. Where a bound is given,
   * evicted tokens are stored unless it is said otherwise.
   *
   * @param given what the user wants, or null
   */
  Engine load(
      Io io, boolean verbose, OnFull given, OnFull defaultValue, SpeculationFlags speculation)
      throws IOException {
    if (given == OnFull.STOP && cache.isBounded()) {
      throw new ParameterException(
          spec.commandLine(),
          "--on-full stop is for a cache without a budget: with one a text has no end");
    }
    if ((given == null ? defaultValue : given) == OnFull.STOP) {
      return load(io, verbose, cache.storing(), speculation);
    }
    int limit = LoadFlags.positive(spec, "--ctx", context, 0);
    return model.load(io, verbose, limit, cache.storing().endlessChoice(io), speculation);
  }

  /** Loads the model, fetching the default one if it is not there yet. */
  Engine load(Io io, boolean verbose) throws IOException {
    return load(io, verbose, cache, new SpeculationFlags());
  }

  private Engine load(Io io, boolean verbose, CacheFlags cache, SpeculationFlags speculation)
      throws IOException {
    int limit = LoadFlags.positive(spec, "--ctx", context, 0);
    return model.load(io, verbose, limit, cache.choice(io), speculation);
  }

  /** The files that a server serves: the one that is named, or all of the models directory. */
  List<Path> files(Io io) throws IOException {
    return model.files(io);
  }

  /** Loads any of them; what is wrong with the options is found here. */
  Function<Path, Engine> loader(Io io, boolean verbose) {
    int limit = LoadFlags.positive(spec, "--ctx", context, 0);
    CacheChoice choice = cache.choice(io);
    return path -> model.load(io, verbose, path, limit, choice, Speculation.auto());
  }
}
