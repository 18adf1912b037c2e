package io.calidrop.cli;

import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheMemory;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.CalibrationOptions.Fold;
import io.calidrop.attention.CalibrationOptions.Mode;
import io.calidrop.attention.CalibrationOptions.Paper;
import io.calidrop.attention.CalibrationOptions.References;
import io.calidrop.attention.CalibrationOptions.Store;
import io.calidrop.attention.EvictionPolicy;
import io.calidrop.attention.KvType;
import io.calidrop.attention.QuerySample;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.gguf.GgufFile;
import io.calidrop.model.LlamaConfig;
import io.calidrop.model.ModelInspection;
import java.nio.file.Path;
import java.util.function.Function;
import java.util.function.Supplier;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** How the KV cache is kept. Options that would have no effect are refused. */
final class CacheFlags {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = "--kv-type",
      paramLabel = "TYPE",
      defaultValue = "f16",
      description = "Number format of the KV cache: f16 (default), f32, q8_0.")
  private KvType kvType;

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
      description =
          "What is kept: adakv, caote:NAME, expected, h2o (default), keydiff, knorm, pyramidkv, random, snapkv, streaming, tova.")
  private String policy;

  @Option(
      names = "--sinks",
      paramLabel = "N",
      description = "First tokens that are always kept. Default: 4.")
  private Integer sinks;

  @Option(
      names = "--window",
      paramLabel = "N",
      description = "Latest tokens that are always kept. Default: 32.")
  private Integer window;

  @Option(
      names = "--prune-interval",
      paramLabel = "N",
      description = "Tokens between prunes, held besides the budget. Default: 128.")
  private Integer interval;

  @Option(
      names = "--compress",
      paramLabel = "WHEN",
      description =
          "rolling (default): never above the budget; once: after the whole prompt was attended.")
  private CacheBudget.Compress compress;

  @Option(
      names = "--positions",
      paramLabel = "HOW",
      description =
          "Beyond the context: rebase (default) moves all positions back, absolute lets them grow.")
  private CacheBudget.Positions positions;

  @Option(
      names = "--calidrop",
      paramLabel = "MODE",
      description =
          "What stands in for evicted tokens: fold (default, fitted rows), recompute, paper, off.")
  private Mode mode;

  @Option(
      names = "--calibration-rows",
      paramLabel = "N",
      description = "Rows per KV head that stand in, with fold. Default: 128.")
  private Integer rows;

  @Option(
      names = "--calibration-window",
      paramLabel = "N",
      description = "Latest tokens whose queries the rows are fitted on. Default: 128.")
  private Integer calibrationWindow;

  @Option(
      names = "--calibration-samples",
      paramLabel = "N",
      description = "How many tokens of that window, evenly spaced. Default: 32.")
  private Integer samples;

  @Option(
      names = "--calibrate-threshold",
      paramLabel = "X",
      description = "Least cosine to reuse a reference, with paper. Default: 0.8.")
  private Float calibrateThreshold;

  @Option(
      names = "--recompute-threshold",
      paramLabel = "X",
      description =
          "Cosine below which evicted tokens are attended, with paper and recompute. Default: 0.8, 0.7.")
  private Float recomputeThreshold;

  @Option(
      names = "--first-order",
      description = "Let a reference's mass follow the query, with paper.")
  private boolean firstOrder;

  @Option(
      names = "--evicted-store",
      paramLabel = "WHERE",
      description =
          "Where evicted tokens stay, with paper and recompute: ram (default), file, none.")
  private Store store;

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
        "--first-order",
        "--evicted-store");
    return CacheOptions.full(kvType);
  }

  private CacheOptions bounded(Io io) {
    if (budget != null && memory != null) {
      throw new IllegalArgumentException("--budget and --kv-memory exclude each other: give one");
    }
    String name = or(policy, EvictionPolicies.DEFAULT);
    Mode mode = or(this.mode, Mode.FOLD);
    refuseOfOtherModes(mode, EvictionPolicies.named(name));
    CalibrationOptions calibration = calibration(mode);
    if (calibration instanceof References references && references.store() == Store.NONE) {
      io.err().println("without an evicted store nothing is recomputed");
    }
    int sinks = or(this.sinks, CacheBudget.DEFAULT_SINKS);
    int window = or(this.window, CacheBudget.DEFAULT_WINDOW);
    return CacheOptions.full(kvType)
        .bounded(
            new CacheBudget(
                or(budget, sinks + window),
                sinks,
                window,
                or(interval, CacheBudget.DEFAULT_PRUNE_INTERVAL),
                or(compress, CacheBudget.Compress.ROLLING),
                or(positions, CacheBudget.Positions.REBASE)),
            EvictionPolicies.named(name, queries()),
            calibration);
  }

  private CacheOptions fit(CacheOptions options, Path model) {
    LlamaConfig config = config(model);
    return CacheMemory.fit(config.cacheShape(), options, memory, config.contextLength());
  }

  private static LlamaConfig config(Path model) {
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
    return CacheOptions.full(kvType)
        .bounded(
            CacheBudget.of(rows),
            EvictionPolicies.named(EvictionPolicies.DEFAULT),
            CalibrationOptions.fold());
  }

  private void refuseOfOtherModes(Mode mode, EvictionPolicy policy) {
    if (mode != Mode.FOLD) {
      refuse("is for --calidrop fold", "--calibration-rows");
      if (policy.queries().isEmpty()) {
        refuse("is for --calidrop fold", "--calibration-window", "--calibration-samples");
      }
    }
    if (mode != Mode.PAPER) {
      refuse("is for --calidrop paper", "--calibrate-threshold", "--first-order");
    }
    if (mode != Mode.PAPER && mode != Mode.RECOMPUTE) {
      refuse("is for --calidrop paper or recompute", "--recompute-threshold", "--evicted-store");
    }
  }

  private CalibrationOptions calibration(Mode mode) {
    return switch (mode) {
      case OFF -> CalibrationOptions.off();
      case FOLD -> new Fold(or(rows, CalibrationOptions.DEFAULT_ROWS), queries());
      case PAPER -> paper();
      case RECOMPUTE ->
          CalibrationOptions.recompute(
              or(recomputeThreshold, CalibrationOptions.DEFAULT_RECOMPUTE_THRESHOLD),
              or(store, Store.RAM));
    };
  }

  /** One threshold alone brings the other along where the default would lie on its wrong side. */
  private CalibrationOptions paper() {
    float threshold = CalibrationOptions.DEFAULT_CALIBRATE_THRESHOLD;
    float recompute =
        or(recomputeThreshold, Math.min(threshold, or(calibrateThreshold, threshold)));
    float calibrate = or(calibrateThreshold, Math.max(threshold, recompute));
    return new Paper(calibrate, recompute, firstOrder, or(store, Store.RAM));
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
