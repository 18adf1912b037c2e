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
import io.calidrop.attention.policy.EvictionPolicies;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Every policy with every budget and calibration.
 *
 * @param compress when caches are pruned; with {@code ONCE} never again after the prompt
 * @param pruneInterval tokens between prunes, with {@code ROLLING}
 * @param positions what becomes of positions beyond the context
 * @param folds calibrations of {@link Mode#FOLD}: all rows, windows and samples to be tried
 * @param thresholds cosines of {@link Mode#PAPER}, which has a store unless they are -1
 * @param recalls rows that each token reads of a store; 0 for none
 * @param equalBytes whether each fold stands beside the policy without calibration at the same
 *     bytes
 */
public record CacheGrid(
    KvTypes kvTypes,
    CacheBudget.Compress compress,
    int pruneInterval,
    CacheBudget.Positions positions,
    List<String> policies,
    List<Integer> budgets,
    List<Mode> modes,
    List<Fold> folds,
    List<Float> thresholds,
    List<Integer> recalls,
    boolean equalBytes) {
  /** As good as never: longer than any text that is attended here. */
  private static final int NEVER = 1 << 24;

  /**
   * The settings, in the order of policies, budgets and modes.
   *
   * @throws IllegalArgumentException if a policy is unknown or a budget too small
   */
  public List<CacheSetting> settings(CacheShape shape) {
    List<CacheSetting> settings = new ArrayList<>();
    for (String policy : policies) {
      for (int budget : budgets) {
        for (Mode mode : modes) {
          for (CalibrationOptions calibration : calibrations(mode)) {
            CacheOptions options = options(policy, budget, calibration);
            for (Optional<StoreOptions> store : stores(calibration)) {
              settings.add(CacheSetting.bounded(policy, budget, options.withStore(store)));
            }
            if (calibration instanceof Fold fold && equalBytes) {
              settings.add(withoutCalibration(policy, budget, options, fold, shape));
            }
          }
        }
      }
    }
    return settings;
  }

  private CacheOptions options(String policy, int rows, CalibrationOptions calibration) {
    boolean once = compress == CacheBudget.Compress.ONCE;
    CacheBudget budget =
        new CacheBudget(
            rows,
            CacheBudget.DEFAULT_SINKS,
            CacheBudget.DEFAULT_WINDOW,
            once ? NEVER : pruneInterval,
            compress,
            positions);
    return CacheOptions.full(kvTypes).bounded(budget, EvictionPolicies.named(policy), calibration);
  }

  /** The policy without calibration, with rows for the bytes that calibration takes. */
  private CacheSetting withoutCalibration(
      String policy, int budget, CacheOptions calibrated, Fold fold, CacheShape shape) {
    CacheOptions plain = plain(policy, budget);
    long more = bytes(shape, rolling(calibrated)) - bytes(shape, plain);
    int sample = 1024;
    double rowBytes =
        (double) (bytes(shape, plain(policy, budget + sample)) - bytes(shape, plain)) / sample;
    int rows = budget + (int) Math.round(more / rowBytes);
    CacheOptions options = options(policy, rows, CalibrationOptions.off());
    String form = CacheSetting.EQUAL_BYTES;
    if (folds.size() > 1) {
      form += " as " + CacheSetting.numbers(fold);
    }
    return new CacheSetting(policy, budget, form, options);
  }

  private CacheOptions plain(String policy, int rows) {
    return rolling(options(policy, rows, CalibrationOptions.off()));
  }

  /** The same with little slack: what is counted is what the budget and the calibration take. */
  private static CacheOptions rolling(CacheOptions options) {
    CacheBudget budget = CacheBudget.of(options.budget().orElseThrow().rows());
    return options.bounded(budget, options.policy(), options.calibration());
  }

  private static long bytes(CacheShape shape, CacheOptions options) {
    return CacheMemory.bytes(shape, options);
  }

  private List<? extends CalibrationOptions> calibrations(Mode mode) {
    return switch (mode) {
      case OFF -> List.of(CalibrationOptions.off());
      case FOLD -> folds;
      case PAPER -> thresholds.stream().map(x -> CalibrationOptions.paper(x, x)).toList();
    };
  }

  /** A store of each number of rows; one for references that attend all of it. */
  private List<Optional<StoreOptions>> stores(CalibrationOptions calibration) {
    if (calibration instanceof Paper paper) {
      return List.of(paper.recomputeThreshold() <= -1 ? Optional.empty() : store(1));
    }
    return recalls.stream().map(this::store).toList();
  }

  private Optional<StoreOptions> store(int recall) {
    return recall == 0 ? Optional.empty() : Optional.of(StoreOptions.inRam(kvTypes, recall));
  }
}
