package io.calidrop.cli;

import io.calidrop.attention.CacheChoice;
import io.calidrop.attention.CacheOptions;
import io.calidrop.cli.HelpGroup.Heading;
import io.calidrop.download.ModelStore;
import io.calidrop.generate.Engine;
import io.calidrop.generate.EngineOptions;
import io.calidrop.generate.Speculation;
import io.calidrop.sampling.SamplerOptions;
import io.calidrop.tensor.CpuTopology;
import io.calidrop.tensor.VectorShape;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Which model to load and how to compute with it, its cache aside. */
@HelpGroup(Heading.MACHINE)
final class LoadFlags {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Mixin private StoreFlags store;

  @Option(
      names = {"-m", "--model"},
      paramLabel = "FILE",
      description =
          "GGUF file, or the name of a model in the models directory. Default: SmolLM2-135M-Instruct.")
  private String model;

  @Option(
      names = {"-t", "--threads"},
      paramLabel = "N",
      description = "Threads that compute. Default: the physical cores that the process may use.")
  private Integer threads;

  @HelpGroup(value = Heading.MACHINE, rare = true)
  @Option(
      names = "--exact",
      description = "Float32 activations and scalar dequantisation: slow, for reference.")
  private boolean exact;

  /** Loads the model, fetching the default one if it is not there yet. */
  Engine load(Io io, boolean verbose, CacheOptions cache) throws IOException {
    return load(io, verbose, 0, cache);
  }

  /**
   * Loads the model, fetching the default one if it is not there yet.
   *
   * @param context positions of a session, or 0 for the trained length
   * @param cache how its cache is kept
   */
  Engine load(Io io, boolean verbose, int context, CacheChoice cache) throws IOException {
    return load(io, verbose, context, cache, new SpeculationFlags());
  }

  /** Loads the model, fetching the default one if it is not there yet. */
  Engine load(Io io, boolean verbose, int context, CacheChoice cache, SpeculationFlags speculation)
      throws IOException {
    positive(spec, "--threads", threads, 1);
    Speculation how = speculation.speculation(store.open());
    return load(io, verbose, path(io), context, cache, how);
  }

  /** Loads a model's file. */
  Engine load(
      Io io, boolean verbose, Path path, int context, CacheChoice cache, Speculation speculation) {
    int count = positive(spec, "--threads", threads, CpuTopology.usableCores());
    if (verbose) {
      io.err()
          .printf(
              "model %s%nthreads %d, vectors of %d bits, Java %s%n",
              path, count, VectorShape.bits(), System.getProperty("java.version"));
    }
    // Guesses that were asked for want passes of several tokens from the first one on.
    boolean quick = List.of(Speculation.auto(), Speculation.off()).contains(speculation);
    EngineOptions how = new EngineOptions(count, context, cache, exact, speculation, quick);
    Engine engine = Engine.load(path, how);
    warn(io, engine.tokenizer().notices());
    warn(io, engine.recommendedSampling().notices());
    if (verbose) {
      String weights = Sizes.bytes(engine.model().residentBytes());
      io.err().printf("weights %s in memory, cache %s%n", weights, CacheText.line(engine));
      io.err().printf("sampling %s%n", sampling(engine.recommendedSampling().options()));
    }
    return engine;
  }

  /** Says what of a file was taken otherwise than it says. */
  static void warn(Io io, List<String> notices) {
    notices.forEach(notice -> io.err().println("warning: " + notice));
  }

  private static String sampling(SamplerOptions recommended) {
    return recommended.given().isEmpty()
        ? "by calidrop's defaults: the file recommends none"
        : "as the file recommends: " + recommended;
  }

  static int positive(CommandSpec spec, String option, Integer value, int defaultValue) {
    if (value != null && value < 1) {
      throw new ParameterException(
          spec.commandLine(), option + " must be at least 1, not " + value);
    }
    return value == null ? defaultValue : value;
  }

  /** The file that is named, or all of the models directory. */
  List<Path> files(Io io) throws IOException {
    List<Path> all = model == null ? store.open().list() : List.of();
    return all.isEmpty() ? List.of(path(io)) : all;
  }

  /** The file of the model. */
  private Path path(Io io) throws IOException {
    ModelStore models = store.open();
    if (model != null) {
      return models.resolve(model);
    }
    if (!models.hasDefaultModel()) {
      io.err()
          .println("Fetching SmolLM2-135M-Instruct (98 MB) into " + models.directory() + " ...");
    }
    try (ProgressDisplay progress = new ProgressDisplay(io)) {
      return models.defaultModel(progress);
    }
  }
}
