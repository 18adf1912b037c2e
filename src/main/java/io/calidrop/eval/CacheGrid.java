package io.calidrop.eval;

import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheMemory;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheShape;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.CalibrationOptions.Fold;
import io.calidrop.attention.CalibrationOptions.Mode;
import io.calidrop.attention.CalibrationOptions.Paper;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.StoreOptions;
import io.calidrop.attention.plan.CachePlan;
import io.calidrop.attention.policy.EvictionPolicies;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Every policy with every budget and calibration, in every format; or for some bytes what a plan
 * makes of them, and every policy and calibration with the rows that fit.
 *
 * @param types number formats
 * @param compress when caches are pruned; with {@code ONCE} never again after the prompt
 * @param pruneInterval tokens between prunes, with {@code ROLLING}; with {@code ONCE} only what
 *     memory is counted for
 * @param positions what becomes of positions beyond the context
 * @param budgets rows, unless there are {@code sizes}
 * @param sizes bytes, or none
 * @param folds calibrations of {@link Mode#FOLD}: all rows, windows and samples to be tried
 * @param thresholds cosines of {@link Mode#PAPER}, which has a store unless they are -1
 * @param recalls rows that each token reads of a store; 0 for none
 * @param storeBytes most that a store takes
 * @param equalBytes whether each fold of a budget stands beside the policy without calibration at
 *     the same bytes, in its own format and in the best
 */
public record CacheGrid(
    List<KvTypes> types,
    CacheBudget.Compress compress,
    int pruneInterval,
    CacheBudget.Positions positions,
    List<String> policies,
    List<Integer> budgets,
    List<Long> sizes,
    List<Mode> modes,
    List<Fold> folds,
    List<Float> thresholds,
    List<Integer> recalls,
    long storeBytes,
    boolean equalBytes) {
  /** As good as never: longer than any text that is attended here. */
  private static final int NEVER = 1 << 24;

  private static final int LEAST = CacheBudget.DEFAULT_SINKS + CacheBudget.DEFAULT_WINDOW;

  /** Rows over which the bytes of one are measured: memory comes in pages. */
  private static final int SAMPLE = 1024;

  /**
   * The settings, in the order of bytes or of formats, policies, budgets and modes.
   *
   * @param context positions of a session
   * @throws IllegalArgumentException if a policy is unknown, a budget too small or a plan's bytes
   *     too few
   */
  public List<CacheSetting> settings(CacheShape shape, int context) {
    List<CacheSetting> settings = new ArrayList<>();
    for (long bytes : sizes) {
      CacheOptions plan = CachePlan.of(bytes).withBudget(budget(LEAST, true)).of(shape, context);
      settings.add(CacheSetting.planned(bytes, asPruned(plan)));
      addOfSize(settings, shape, context, bytes);
    }
    for (KvTypes format : sizes.isEmpty() ? types : List.<KvTypes>of()) {
      for (String policy : policies) {
        for (int budget : budgets) {
          addOfBudget(settings, shape, context, format, policy, budget);
        }
      }
    }
    return settings;
  }

  /** Everything that evicts within some bytes. */
  private void addOfSize(List<CacheSetting> settings, CacheShape shape, int context, long bytes) {
    for (KvTypes format : types) {
      for (String policy : policies) {
        for (Mode mode : modes) {
          for (CalibrationOptions calibration : calibrations(mode)) {
            CacheOptions any = counted(options(format, policy, LEAST, calibration));
            for (Optional<StoreOptions> store : stores(calibration, format)) {
              CacheMemory.fit(shape, any.withStore(store), bytes, context)
                  .filter(options -> options.budget().orElseThrow().rows() < context)
                  .map(options -> CacheSetting.fitted(policy, bytes, asPruned(options)))
                  .ifPresent(settings::add);
            }
          }
        }
      }
    }
  }

  private void addOfBudget(
      List<CacheSetting> settings,
      CacheShape shape,
      int context,
      KvTypes format,
      String policy,
      int budget) {
    for (Mode mode : modes) {
      for (CalibrationOptions calibration : calibrations(mode)) {
        CacheOptions options = options(format, policy, budget, calibration);
        for (Optional<StoreOptions> store : stores(calibration, format)) {
          settings.add(CacheSetting.bounded(policy, budget, options.withStore(store)));
        }
        if (calibration instanceof Fold fold && equalBytes) {
          addWithout(settings, shape, context, budget, options, fold);
        }
      }
    }
  }

  /** The policy without calibration, with rows for the bytes that calibration takes. */
  private void addWithout(
      List<CacheSetting> settings,
      CacheShape shape,
      int context,
      int budget,
      CacheOptions calibrated,
      Fold fold) {
    long bytes = CacheMemory.bytes(shape, counted(calibrated));
    CacheOptions plain =
        calibrated.bounded(
            calibrated.budget().orElseThrow(), calibrated.policy(), CalibrationOptions.off());
    long before = CacheMemory.bytes(shape, counted(plain));
    int rows = budget + (int) Math.round((bytes - before) / rowBytes(shape, plain));
    String as = folds.size() > 1 ? " as " + CacheSetting.numbers(fold) : "";
    String policy = calibrated.policy().name();
    settings.add(
        CacheSetting.plain(policy, budget, CacheSetting.EQUAL_BYTES + as, plain.withRows(rows)));
    CacheOptions best =
        CachePlan.of(bytes)
            .withBudget(counted(plain).budget().orElseThrow())
            .withPolicy(calibrated.policy())
            .withCalibration(CalibrationOptions.off())
            .withStore(Optional.empty())
            .of(shape, context);
    if (best.budget().isEmpty() || !best.kvTypes().equals(calibrated.kvTypes())) {
      settings.add(
          CacheSetting.plain(policy, budget, CacheSetting.BEST_PLAIN + as, asPruned(best)));
    }
  }

  /** Bytes of a row more, where there are so many that the newest are nearly exact in both. */
  private double rowBytes(CacheShape shape, CacheOptions plain) {
    long some = CacheMemory.bytes(shape, counted(plain.withRows(SAMPLE)));
    long more = CacheMemory.bytes(shape, counted(plain.withRows(2 * SAMPLE)));
    return (more - some) / (double) SAMPLE;
  }

  private CacheOptions options(
      KvTypes format, String policy, int rows, CalibrationOptions calibration) {
    return asPruned(
        CacheOptions.full(format)
            .bounded(budget(rows, false), EvictionPolicies.named(policy), calibration));
  }

  private CacheOptions asPruned(CacheOptions options) {
    return withBudget(options, false);
  }

  /** The same with little slack: what is counted is what the budget and the calibration take. */
  private CacheOptions counted(CacheOptions options) {
    return withBudget(options, true);
  }

  private CacheOptions withBudget(CacheOptions options, boolean rolling) {
    return options
        .budget()
        .map(
            b ->
                options.bounded(budget(b.rows(), rolling), options.policy(), options.calibration()))
        .orElse(options);
  }

  private CacheBudget budget(int rows, boolean rolling) {
    boolean once = compress == CacheBudget.Compress.ONCE;
    return new CacheBudget(
        rows,
        CacheBudget.DEFAULT_SINKS,
        CacheBudget.DEFAULT_WINDOW,
        once && !rolling ? NEVER : pruneInterval,
        compress,
        positions);
  }

  private List<? extends CalibrationOptions> calibrations(Mode mode) {
    return switch (mode) {
      case OFF -> List.of(CalibrationOptions.off());
      case FOLD -> folds;
      case PAPER -> thresholds.stream().map(x -> CalibrationOptions.paper(x, x)).toList();
    };
  }

  /** A store of each number of rows; one for references that attend all of it. */
  private List<Optional<StoreOptions>> stores(CalibrationOptions calibration, KvTypes format) {
    if (calibration instanceof Paper paper) {
      return List.of(paper.recomputeThreshold() <= -1 ? Optional.empty() : store(1, format));
    }
    return recalls.stream().map(recall -> store(recall, format)).toList();
  }

  private Optional<StoreOptions> store(int recall, KvTypes format) {
    return recall == 0
        ? Optional.empty()
        : Optional.of(StoreOptions.beside(format, StoreOptions.Place.RAM, storeBytes, recall));
  }
}
