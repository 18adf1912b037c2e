package io.calidrop.cli;

import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CacheShape;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.CalibrationOptions.Fold;
import io.calidrop.attention.CalibrationOptions.Mode;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.QuerySample;
import io.calidrop.cli.HelpGroup.Heading;
import io.calidrop.eval.CacheGrid;
import io.calidrop.eval.CacheSetting;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The caches that an evaluation compares. Each command has defaults of its own. */
@HelpGroup(Heading.CACHE)
final class GridFlags {
  /** Any shape: whether settings are possible does not depend on it. */
  private static final CacheShape ANY = new CacheShape(1, 1, 1, 64);

  private static final int ANY_CONTEXT = 4096;

  /** Formats of the full caches that plans for some bytes are told by. */
  private static final List<KvTypes> PACKED =
      List.of(
          KvTypes.of(KvType.Q8_0),
          KvTypes.of(KvType.Q5_0),
          new KvTypes(KvType.Q5_0, KvType.Q4_0),
          KvTypes.of(KvType.Q4_0));

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Mixin private KvTypeFlags kvTypes;

  @Option(
      names = "--kv-types",
      paramLabel = "TYPE",
      split = ",",
      converter = KvTypesConverter.class,
      completionCandidates = Names.KvTypes.class,
      description =
          "Formats of the caches that are compared with the full one of --kv-type, and of full ones (quality), which --kv-memory has in q8_0, q5_0, k5v4 and q4_0 besides. Default: its own.")
  private List<KvTypes> types = List.of();

  @Option(
      names = "--kv-memory",
      paramLabel = "SIZE",
      split = ",",
      converter = ByteSize.class,
      description =
          "Instead of --budgets: what is best for so many bytes, such as 10M; and --policies, if given, with the rows that fit.")
  private List<Long> sizes = List.of();

  @Option(
      names = "--budgets",
      paramLabel = "N",
      split = ",",
      description = "Tokens kept per KV head and layer. Default: ${DEFAULT-VALUE}.")
  private List<Integer> budgets;

  @Option(
      names = "--policies",
      paramLabel = "NAME",
      split = ",",
      completionCandidates = Names.Policies.class,
      description =
          "What is kept: ${COMPLETION-CANDIDATES}, caote:NAME. Default: ${DEFAULT-VALUE}.")
  private List<String> policies;

  @HelpGroup(Heading.CALIBRATION)
  @Option(
      names = "--calidrop",
      completionCandidates = Names.Calibrations.class,
      paramLabel = "MODE",
      split = ",",
      description = "Calibrations: off, paper, fold. Default: ${DEFAULT-VALUE}.")
  private List<Mode> modes;

  @Option(
      names = "--compress",
      completionCandidates = Names.Compressions.class,
      paramLabel = "WHEN",
      description =
          "rolling: never above the budget; once: after the whole prompt was attended. Default: ${DEFAULT-VALUE}.")
  private Compress compress;

  @Option(
      names = "--positions",
      completionCandidates = Names.Positions.class,
      paramLabel = "HOW",
      description =
          "Beyond the context: rebase moves all positions back, absolute lets them grow. Default: ${DEFAULT-VALUE}.")
  private CacheBudget.Positions positions;

  @HelpGroup(value = Heading.CACHE, rare = true)
  @Option(
      names = "--prune-interval",
      paramLabel = "N",
      defaultValue = "" + CacheBudget.DEFAULT_PRUNE_INTERVAL,
      description =
          "Tokens between prunes; with once, those that memory is counted for. Default: ${DEFAULT-VALUE}.")
  private int interval;

  @HelpGroup(Heading.CALIBRATION)
  @Option(
      names = "--calibration-rows",
      paramLabel = "N",
      split = ",",
      defaultValue = "" + CalibrationOptions.DEFAULT_ROWS,
      description = "Rows with fold. Default: ${DEFAULT-VALUE}.")
  private List<Integer> rows;

  @HelpGroup(Heading.CALIBRATION)
  @Option(
      names = "--calibration-window",
      paramLabel = "N",
      split = ",",
      defaultValue = "" + QuerySample.DEFAULT_WINDOW,
      description = "Windows with fold. Default: ${DEFAULT-VALUE}.")
  private List<Integer> windows;

  @HelpGroup(Heading.CALIBRATION)
  @Option(
      names = "--calibration-samples",
      paramLabel = "N",
      split = ",",
      defaultValue = "" + QuerySample.DEFAULT_SAMPLES,
      description = "How many tokens of the window keep their queries. Default: ${DEFAULT-VALUE}.")
  private List<Integer> samples;

  @HelpGroup(Heading.CALIBRATION)
  @Option(
      names = "--recompute-threshold",
      paramLabel = "X",
      split = ",",
      defaultValue = "0.8",
      description =
          "Cosines below which paper attends evicted tokens; -1: never. Default: ${DEFAULT-VALUE}.")
  private List<Float> thresholds;

  @HelpGroup(Heading.CACHE)
  @Option(
      names = "--recall",
      paramLabel = "ROWS",
      split = ",",
      defaultValue = "0",
      description =
          "Evicted rows that each token reads of a store in RAM; 0: there is none. Default: ${DEFAULT-VALUE}.")
  private List<Integer> recalls;

  @HelpGroup(value = Heading.CACHE, rare = true)
  @Option(
      names = "--store-size",
      paramLabel = "SIZE",
      converter = ByteSize.class,
      defaultValue = "1G",
      description = "Most bytes of a store. Default: ${DEFAULT-VALUE}.")
  private long storeSize;

  @HelpGroup(Heading.CALIBRATION)
  @Option(
      names = "--equal-bytes",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description =
          "Beside each fold, the policy without calibration with rows for the same bytes. Default: ${DEFAULT-VALUE}.")
  private boolean equalBytes;

  KvTypes kvTypes() {
    return kvTypes.types();
  }

  Compress compress() {
    return compress;
  }

  /** Whether all of a prompt is attended before anything is evicted. */
  boolean isOnce() {
    return compress == Compress.ONCE;
  }

  /** What results depend on besides the settings themselves. */
  Map<String, Object> protocol() {
    Map<String, Object> protocol = new LinkedHashMap<>();
    protocol.put("compress", compress.toString());
    protocol.put("prune interval", interval);
    protocol.put("positions", positions.toString());
    protocol.put("KV type", kvTypes().toString());
    return protocol;
  }

  /** The formats of --kv-types. */
  private List<KvTypes> asked() {
    return types.stream().distinct().toList();
  }

  /** The formats of full caches that bounded ones are told by. */
  List<KvTypes> full() {
    Stream<KvTypes> packed = sizes.isEmpty() ? Stream.empty() : PACKED.stream();
    return Stream.concat(types.stream(), packed).distinct().toList();
  }

  /** Refuses impossible settings, before a model is loaded. */
  void check() {
    if (!sizes.isEmpty() && isGiven("--budgets")) {
      throw new ParameterException(
          spec.commandLine(), "--budgets and --kv-memory exclude each other: give one");
    }
    settings(ANY, ANY_CONTEXT);
  }

  private boolean isGiven(String name) {
    return spec.commandLine().getParseResult().hasMatchedOption(name);
  }

  /** The settings for a model of this shape. */
  List<CacheSetting> settings(CacheShape shape, int context) {
    try {
      return new CacheGrid(
              types.isEmpty() ? List.of(kvTypes()) : asked(),
              compress,
              interval,
              positions,
              sizes.isEmpty() || isGiven("--policies") ? policies : List.of(),
              budgets,
              sizes,
              modes,
              folds(),
              thresholds,
              recalls,
              storeSize,
              equalBytes)
          .settings(shape, context);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }

  private List<Fold> folds() {
    List<Fold> folds = new ArrayList<>();
    for (int count : rows) {
      for (int window : windows) {
        for (int sample : samples) {
          folds.add(CalibrationOptions.fold(count, window, Math.min(sample, window)));
        }
      }
    }
    return folds.stream().distinct().toList();
  }
}
