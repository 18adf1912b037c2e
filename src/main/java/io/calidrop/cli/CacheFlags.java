package io.calidrop.cli;

import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheMemory;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.CalibrationOptions.Fold;
import io.calidrop.attention.CalibrationOptions.Mode;
import io.calidrop.attention.CalibrationOptions.Paper;
import io.calidrop.attention.EvictionPolicy;
import io.calidrop.attention.QuerySample;
import io.calidrop.attention.StoreOptions;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.cli.HelpGroup.Heading;
import io.calidrop.generate.EngineOptions;
import io.calidrop.gguf.GgufFile;
import io.calidrop.model.ModelConfig;
import io.calidrop.model.ModelInspection;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** How the KV cache is kept. Options that would have no effect are refused. */
@HelpGroup(Heading.CACHE)
final class CacheFlags {
  /** Where evicted tokens stay. */
  private enum Place {
    RAM,
    FILE,
    NONE
  }

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Mixin private KvTypeFlags kvTypes;

  @Option(
      names = "--budget",
      paramLabel = "N",
      description =
          "Bound the cache: tokens kept per KV head and layer; the others are evicted. Default: none are.")
  private Integer budget;

  @Option(
      names = "--kv-memory",
      paramLabel = "SIZE",
      converter = ByteSize.class,
      description = "Bound the cache by its bytes, such as 64M, calibration included.")
  private Long memory;

  @Option(
      names = "--policy",
      paramLabel = "NAME",
      defaultValue = EvictionPolicies.DEFAULT,
      completionCandidates = Names.Policies.class,
      description =
          "What is kept: ${COMPLETION-CANDIDATES}, caote:NAME. Default: ${DEFAULT-VALUE}.")
  private String policy;

  @Option(
      names = "--store",
      paramLabel = "WHERE",
      defaultValue = "ram",
      description =
          "Where evicted tokens stay, of which each token reads the best: ram, file, none. Default: ${DEFAULT-VALUE}.")
  private Place store;

  @Option(
      names = "--recall",
      paramLabel = "ROWS",
      description =
          "How many of them, for each KV head. Default: " + StoreOptions.DEFAULT_RECALL + ".")
  private Integer recall;

  @Option(
      names = "--store-size",
      paramLabel = "SIZE",
      converter = ByteSize.class,
      description = "Most bytes of the store; what is older is calibrated. Default: 1G.")
  private Long storeSize;

  @HelpGroup(value = Heading.CACHE, rare = true)
  @Option(
      names = "--sinks",
      paramLabel = "N",
      description =
          "First tokens that are always kept. Default: " + CacheBudget.DEFAULT_SINKS + ".")
  private Integer sinks;

  @HelpGroup(value = Heading.CACHE, rare = true)
  @Option(
      names = "--window",
      paramLabel = "N",
      description =
          "Latest tokens that are always kept. Default: " + CacheBudget.DEFAULT_WINDOW + ".")
  private Integer window;

  @HelpGroup(value = Heading.CACHE, rare = true)
  @Option(
      names = "--prune-interval",
      paramLabel = "N",
      description =
          "Tokens between prunes, held besides the budget. Default: "
              + CacheBudget.DEFAULT_PRUNE_INTERVAL
              + ".")
  private Integer interval;

  @HelpGroup(value = Heading.CACHE, rare = true)
  @Option(
      names = "--compress",
      paramLabel = "WHEN",
      defaultValue = "rolling",
      description =
          "rolling: never above the budget; once: after the whole prompt was attended. Default: ${DEFAULT-VALUE}.")
  private CacheBudget.Compress compress;

  @HelpGroup(value = Heading.CACHE, rare = true)
  @Option(
      names = "--positions",
      paramLabel = "HOW",
      defaultValue = "rebase",
      description =
          "Beyond the context: rebase moves all positions back, absolute lets them grow. Default: ${DEFAULT-VALUE}.")
  private CacheBudget.Positions positions;

  @HelpGroup(Heading.CALIBRATION)
  @Option(
      names = "--calidrop",
      paramLabel = "MODE",
      defaultValue = "fold",
      description =
          "What stands in for evicted tokens: fold (fitted rows), paper, off. Default: ${DEFAULT-VALUE}.")
  private Mode mode;

  @HelpGroup(Heading.CALIBRATION)
  @Option(
      names = "--calibration-rows",
      paramLabel = "N",
      description =
          "Rows per KV head that stand in, with fold. Default: "
              + CalibrationOptions.DEFAULT_ROWS
              + ".")
  private Integer rows;

  @HelpGroup(Heading.CALIBRATION)
  @Option(
      names = "--calibration-window",
      paramLabel = "N",
      description =
          "Latest tokens whose queries the rows are fitted on. Default: "
              + QuerySample.DEFAULT_WINDOW
              + ".")
  private Integer calibrationWindow;

  @HelpGroup(Heading.CALIBRATION)
  @Option(
      names = "--calibration-samples",
      paramLabel = "N",
      description =
          "How many tokens of that window, evenly spaced. Default: "
              + QuerySample.DEFAULT_SAMPLES
              + ".")
  private Integer samples;

  @HelpGroup(Heading.CALIBRATION)
  @Option(
      names = "--calibrate-threshold",
      paramLabel = "X",
      description =
          "Least cosine to reuse a reference, with paper. Default: "
              + CalibrationOptions.DEFAULT_CALIBRATE_THRESHOLD
              + ".")
  private Float calibrateThreshold;

  @HelpGroup(Heading.CALIBRATION)
  @Option(
      names = "--recompute-threshold",
      paramLabel = "X",
      description =
          "Cosine below which all stored rows are attended, with paper. Default: "
              + CalibrationOptions.DEFAULT_CALIBRATE_THRESHOLD
              + ".")
  private Float recomputeThreshold;

  /**
   * The options, given a model's file, whose shape a budget in bytes depends on. Impossible
   * combinations are usage errors, found before a model is looked for.
   */
  Function<Path, CacheOptions> options(Io io) {
    CacheOptions options = checked(() -> isBounded() ? bounded(io) : full());
    return memory == null ? model -> options : model -> checked(() -> fit(options, model));
  }

  private CacheOptions checked(Supplier<CacheOptions> options) {
    try {
      return options.get();
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }

  /** Whether a bound was given. */
  boolean isBounded() {
    return budget != null || memory != null;
  }

  private CacheOptions full() {
    refuse(
        "needs a budget: add --budget N or --kv-memory SIZE",
        "--policy",
        "--sinks",
        "--window",
        "--prune-interval",
        "--compress",
        "--positions",
        "--calidrop",
        "--calibration-rows",
        "--calibration-window",
        "--calibration-samples",
        "--calibrate-threshold",
        "--recompute-threshold",
        "--store",
        "--recall",
        "--store-size");
    return CacheOptions.full(kvTypes.types());
  }

  private CacheOptions bounded(Io io) {
    if (budget != null && memory != null) {
      throw new IllegalArgumentException("--budget and --kv-memory exclude each other: give one");
    }
    refuseOfOtherModes(EvictionPolicies.named(policy));
    CalibrationOptions calibration = calibration();
    if (mode == Mode.PAPER && store == Place.NONE) {
      io.err().println("without a store nothing is recomputed");
    }
    int sinks = or(this.sinks, CacheBudget.DEFAULT_SINKS);
    int window = or(this.window, CacheBudget.DEFAULT_WINDOW);
    return CacheOptions.full(kvTypes.types())
        .bounded(
            new CacheBudget(
                or(budget, sinks + window),
                sinks,
                window,
                or(interval, CacheBudget.DEFAULT_PRUNE_INTERVAL),
                compress,
                positions),
            EvictionPolicies.named(policy, queries()),
            calibration)
        .withStore(store());
  }

  private Optional<StoreOptions> store() {
    if (store == Place.NONE) {
      refuse("needs a store: add --store ram or file", "--recall", "--store-size");
      return Optional.empty();
    }
    return Optional.of(
        StoreOptions.beside(
            kvTypes.types(),
            store == Place.RAM ? StoreOptions.Place.RAM : StoreOptions.Place.FILE,
            or(storeSize, StoreOptions.DEFAULT_BYTES),
            or(recall, StoreOptions.DEFAULT_RECALL)));
  }

  private CacheOptions fit(CacheOptions options, Path model) {
    ModelConfig config = config(model);
    return CacheMemory.fit(config.cacheShape(), options, memory, config.contextLength());
  }

  private static ModelConfig config(Path model) {
    try (GgufFile file = GgufFile.open(model)) {
      return ModelInspection.of(file)
          .config()
          .orElseThrow(() -> new IllegalArgumentException(model + " holds no model to run"));
    }
  }

  /**
   * Like {@link #options}, but without a bound half of the context becomes one, so that a sequence
   * has no end.
   *
   * @param context positions of a session, or 0 for the trained length
   */
  Function<Path, CacheOptions> endlessOptions(Io io, int context) {
    Function<Path, CacheOptions> options = options(io);
    return isBounded() ? options : model -> checked(() -> halfOf(context, model));
  }

  private CacheOptions halfOf(int context, Path model) {
    int positions = context == 0 ? config(model).contextLength() : context;
    int rows = positions / 2 - CacheBudget.DEFAULT_PRUNE_INTERVAL;
    if (rows < CacheBudget.DEFAULT_SINKS + CacheBudget.DEFAULT_WINDOW) {
      throw new IllegalArgumentException(
          "a context of %d is too small to evict from: raise --ctx, or choose --on-full stop"
              .formatted(positions));
    }
    return EngineOptions.defaults()
        .withCache(CacheOptions.full(kvTypes.types()))
        .withBudget(rows)
        .cache();
  }

  private void refuseOfOtherModes(EvictionPolicy policy) {
    if (mode != Mode.FOLD) {
      refuse("is for --calidrop fold", "--calibration-rows");
      if (policy.queries().isEmpty()) {
        refuse("is for --calidrop fold", "--calibration-window", "--calibration-samples");
      }
    }
    if (mode != Mode.PAPER) {
      refuse("is for --calidrop paper", "--calibrate-threshold", "--recompute-threshold");
    } else {
      refuse("is for --calidrop fold or off: paper attends all stored rows", "--recall");
    }
  }

  private CalibrationOptions calibration() {
    return switch (mode) {
      case OFF -> CalibrationOptions.off();
      case FOLD -> new Fold(or(rows, CalibrationOptions.DEFAULT_ROWS), queries());
      case PAPER -> paper();
    };
  }

  /** One threshold alone brings the other along where the default would lie on its wrong side. */
  private CalibrationOptions paper() {
    float threshold = CalibrationOptions.DEFAULT_CALIBRATE_THRESHOLD;
    float recompute =
        or(recomputeThreshold, Math.min(threshold, or(calibrateThreshold, threshold)));
    float calibrate = or(calibrateThreshold, Math.max(threshold, recompute));
    return new Paper(calibrate, recompute);
  }

  private QuerySample queries() {
    int window = or(calibrationWindow, QuerySample.DEFAULT_WINDOW);
    return new QuerySample(window, or(samples, Math.min(window, QuerySample.DEFAULT_SAMPLES)));
  }

  /** Refuses options that were given. */
  private void refuse(String why, String... names) {
    for (String name : names) {
      if (spec.commandLine().getParseResult().hasMatchedOption(name)) {
        throw new IllegalArgumentException(name + " " + why);
      }
    }
  }

  private static <T> T or(T value, T defaultValue) {
    return value == null ? defaultValue : value;
  }
}
