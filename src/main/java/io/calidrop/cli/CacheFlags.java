package io.calidrop.cli;

import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheChoice;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.CalibrationOptions.Fold;
import io.calidrop.attention.CalibrationOptions.Mode;
import io.calidrop.attention.CalibrationOptions.Paper;
import io.calidrop.attention.EvictionPolicy;
import io.calidrop.attention.QuerySample;
import io.calidrop.attention.plan.CachePlan;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.cli.HelpGroup.Heading;
import io.calidrop.generate.EngineOptions;
import java.util.function.Supplier;
import java.util.stream.Stream;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** How the KV cache is kept. Options that would have no effect are refused. */
@HelpGroup(Heading.CACHE)
final class CacheFlags {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Mixin private KvTypeFlags kvTypes;
  @Mixin private EvictedFlags evicted;

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
      description =
          "Bound the cache by its bytes, such as 64M, calibration included: formats, budget, policy and "
              + "calibration are the best for them, unless they are given.")
  private Long memory;

  @Option(
      names = "--policy",
      paramLabel = "NAME",
      completionCandidates = Names.Policies.class,
      description =
          "What is kept: ${COMPLETION-CANDIDATES}, caote:NAME. Default: "
              + EvictionPolicies.DEFAULT
              + ", with a store "
              + EvictionPolicies.DEFAULT_STORED
              + ", with --compress once "
              + EvictionPolicies.DEFAULT_ONCE
              + ".")
  private String policy;

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
      completionCandidates = Names.Compressions.class,
      paramLabel = "WHEN",
      defaultValue = "rolling",
      description =
          "rolling: never above the budget; once: after the whole prompt was attended. Default: ${DEFAULT-VALUE}.")
  private CacheBudget.Compress compress;

  @HelpGroup(value = Heading.CACHE, rare = true)
  @Option(
      names = "--positions",
      completionCandidates = Names.Positions.class,
      paramLabel = "HOW",
      defaultValue = "rebase",
      description =
          "Beyond the context: rebase moves all positions back, absolute lets them grow. Default: ${DEFAULT-VALUE}.")
  private CacheBudget.Positions positions;

  @HelpGroup(Heading.CALIBRATION)
  @Option(
      names = "--calidrop",
      completionCandidates = Names.Calibrations.class,
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

  private boolean storing;

  /** Has evicted tokens stored unless it is said otherwise. */
  CacheFlags storing() {
    storing = true;
    return this;
  }

  /**
   * The cache, which with a bound in bytes depends on the model. Impossible combinations are usage
   * errors, most of them found before a model is looked for.
   */
  CacheChoice choice(Io io) {
    if (memory == null) {
      return checked(
          () ->
              budget != null
                  ? bounded(io, budget)
                  : evicted.recall() != null ? choosing() : full());
    }
    CachePlan plan = checked(() -> plan(io));
    return (shape, context) -> checked(() -> plan.of(shape, context));
  }

  private <T> T checked(Supplier<T> choice) {
    try {
      return choice.get();
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }

  /** Whether a bound was given, of the cache or of what a token reads of it. */
  boolean isBounded() {
    return budget != null || memory != null || evicted.recall() != null;
  }

  private CacheOptions full() {
    refuseOfBounds();
    return CacheOptions.full(kvTypes.types());
  }

  private CacheOptions choosing() {
    refuseOfBounds();
    return EngineOptions.choosing(kvTypes.types(), evicted.recall());
  }

  private void refuseOfBounds() {
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
        "--store-size");
  }

  private CacheOptions bounded(Io io, int rows) {
    return CacheOptions.full(kvTypes.types())
        .bounded(budget(rows), policy(), calibration(io))
        .withStore(evicted.beside(kvTypes.types(), isUsuallyStored()));
  }

  /**
   * A prompt that is compressed once is to take few bytes, and who says what stands in for evicted
   * tokens wants that.
   */
  private boolean isUsuallyStored() {
    return storing && compress == CacheBudget.Compress.ROLLING && !isCalibrationGiven();
  }

  private boolean isStored() {
    return evicted.isPresent(isUsuallyStored());
  }

  private boolean isCalibrationGiven() {
    return Stream.of(
            "--calidrop",
            "--calibration-rows",
            "--calibration-window",
            "--calibration-samples",
            "--calibrate-threshold",
            "--recompute-threshold")
        .anyMatch(this::isGiven);
  }

  /** What was given restricts what is best for the bytes. */
  private CachePlan plan(Io io) {
    CacheBudget any = budget(or(budget, sinks() + window()));
    CachePlan plan =
        CachePlan.of(memory)
            .withTypes(kvTypes.keys(), kvTypes.values())
            .withStore(evicted.beside(kvTypes.types(), isUsuallyStored()));
    plan = budget == null ? plan.withBudget(any) : plan.withRows(any);
    if (policy != null || compress == CacheBudget.Compress.ONCE) {
      plan = plan.withPolicy(policy());
    }
    return isCalibrationGiven() ? plan.withCalibration(calibration(io)) : plan;
  }

  private CacheBudget budget(int rows) {
    return new CacheBudget(
        rows,
        sinks(),
        window(),
        or(interval, CacheBudget.DEFAULT_PRUNE_INTERVAL),
        compress,
        positions);
  }

  private int sinks() {
    return or(sinks, CacheBudget.DEFAULT_SINKS);
  }

  private int window() {
    return or(window, CacheBudget.DEFAULT_WINDOW);
  }

  private EvictionPolicy policy() {
    boolean once = compress == CacheBudget.Compress.ONCE;
    String best = once ? EvictionPolicies.DEFAULT_ONCE : EvictionPolicies.best(isStored()).name();
    return EvictionPolicies.named(or(policy, best), queries());
  }

  /**
   * Like {@link #choice}, but at most half of the context is kept, so that a sequence has no end.
   */
  CacheChoice endlessChoice(Io io) {
    if (memory != null) {
      CachePlan plan = checked(() -> plan(io)).forEndless();
      return (shape, context) -> checked(() -> plan.of(shape, context));
    }
    if (isBounded()) {
      return choice(io);
    }
    CacheOptions any = checked(() -> bounded(io, sinks() + window()));
    return (shape, context) -> checked(() -> any.withRows(halfOf(context)));
  }

  private int halfOf(int context) {
    int rows = context / 2 - or(interval, CacheBudget.DEFAULT_PRUNE_INTERVAL);
    if (rows < sinks() + window()) {
      throw new IllegalArgumentException(
          "a context of %d is too small to evict from: raise --ctx, or choose --on-full stop"
              .formatted(context));
    }
    return rows;
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

  private CalibrationOptions calibration(Io io) {
    refuseOfOtherModes(policy());
    CalibrationOptions calibration = calibration();
    if (mode == Mode.PAPER && !isStored()) {
      io.err().println("without a store nothing is recomputed");
    }
    return calibration;
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
      if (isGiven(name)) {
        throw new IllegalArgumentException(name + " " + why);
      }
    }
  }

  private boolean isGiven(String name) {
    return spec.commandLine().getParseResult().hasMatchedOption(name);
  }

  private static <T> T or(T value, T defaultValue) {
    return value == null ? defaultValue : value;
  }
}
