package io.calidrop.attention.plan;

import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheChoice;
import io.calidrop.attention.CacheMemory;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheShape;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.EvictionPolicy;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The cache that diverges least for some bytes, by what was measured (see {@link Measured}). Number
 * formats come first: as long as every position of the context fits in one of them, nothing is
 * evicted. Below that, rows of the coarsest format are kept, as many as fit beside what the policy
 * and the calibration take. Everything that is said besides the bytes restricts the choice.
 *
 * @param bytes that a session's cache may take, calibration included, an evicted store not
 * @param keys number format, if it is not free
 * @param values number format, if it is not free
 * @param rows of the budget, if they are not free: then formats and calibration are chosen
 * @param budget with any rows: sinks, window and how it is pruned where something is evicted
 * @param policy if it is not free
 * @param calibration if it is not free
 * @param endless whether sequences may outgrow the context: then at most half of it is kept
 */
public record CachePlan(
    long bytes,
    Optional<KvType> keys,
    Optional<KvType> values,
    OptionalInt rows,
    CacheBudget budget,
    Optional<EvictionPolicy> policy,
    Optional<CalibrationOptions> calibration,
    boolean endless)
    implements CacheChoice {

  /** The best cache for some bytes; a sequence that is longer than the context may end there. */
  public static CachePlan of(long bytes) {
    int least = CacheBudget.DEFAULT_SINKS + CacheBudget.DEFAULT_WINDOW;
    return new CachePlan(
        bytes,
        Optional.empty(),
        Optional.empty(),
        OptionalInt.empty(),
        CacheBudget.of(least),
        Optional.empty(),
        Optional.empty(),
        false);
  }

  /** In formats that are not free, where one is given. */
  public CachePlan withTypes(Optional<KvType> keys, Optional<KvType> values) {
    return new CachePlan(bytes, keys, values, rows, budget, policy, calibration, endless);
  }

  /** With a budget whose rows are not free. */
  public CachePlan withRows(CacheBudget budget) {
    return new CachePlan(
        bytes, keys, values, OptionalInt.of(budget.rows()), budget, policy, calibration, endless);
  }

  public CachePlan withPolicy(EvictionPolicy policy) {
    return new CachePlan(
        bytes, keys, values, rows, budget, Optional.of(policy), calibration, endless);
  }

  public CachePlan withCalibration(CalibrationOptions calibration) {
    return new CachePlan(
        bytes, keys, values, rows, budget, policy, Optional.of(calibration), endless);
  }

  /** With other sinks, another window or interval; its rows do not count. */
  public CachePlan withBudget(CacheBudget budget) {
    return new CachePlan(bytes, keys, values, rows, budget, policy, calibration, endless);
  }

  /** For sequences that may outgrow the context. */
  public CachePlan forEndless() {
    return new CachePlan(bytes, keys, values, rows, budget, policy, calibration, true);
  }

  /**
   * @throws IllegalArgumentException if the bytes are too few
   */
  @Override
  public CacheOptions of(CacheShape shape, int context) {
    List<KvTypes> formats = formats();
    if (rows.isEmpty() && !endless) {
      for (KvTypes format : formats) {
        if (CacheMemory.bytes(shape, format, context) <= bytes) {
          return CacheOptions.full(format);
        }
      }
    }
    int most = rows.orElseGet(() -> mostRows(context));
    for (KvTypes format : formats) {
      Optional<CacheOptions> fit = fit(shape, format, most);
      if (fit.isPresent() && fit.get().budget().orElseThrow().rows() >= most) {
        return fit.get();
      }
    }
    KvTypes coarsest = formats.getLast();
    return fit(shape, coarsest, most)
        .filter(options -> rows.isEmpty())
        .orElseThrow(() -> tooFew(shape, coarsest));
  }

  private int mostRows(int context) {
    int rows = endless ? context / 2 - budget.pruneInterval() : context;
    if (rows < budget.sinks() + budget.window()) {
      throw new IllegalArgumentException(
          "a context of %d is too small to evict from: raise --ctx, or choose --on-full stop"
              .formatted(context));
    }
    return rows;
  }

  /** From the finest to the coarsest. */
  private List<KvTypes> formats() {
    return Measured.FORMATS.stream()
        .map(format -> new KvTypes(keys.orElse(format.keys()), values.orElse(format.values())))
        .distinct()
        .toList();
  }

  /** The cache in some format, its rows as many as fit. */
  private Optional<CacheOptions> fit(CacheShape shape, KvTypes format, int most) {
    CacheOptions plain = bounded(format, Measured.best(0).policy(), CalibrationOptions.off());
    int plainRows =
        CacheMemory.fit(shape, plain, bytes, most)
            .map(options -> options.budget().orElseThrow().rows())
            .orElse(0);
    Measured.Eviction best = Measured.best(plainRows);
    return CacheMemory.fit(
        shape,
        bounded(format, policy.orElse(best.policy()), calibration.orElse(best.calibration())),
        bytes,
        most);
  }

  private CacheOptions bounded(
      KvTypes format, EvictionPolicy policy, CalibrationOptions calibration) {
    return CacheOptions.full(format).bounded(budget, policy, calibration);
  }

  private IllegalArgumentException tooFew(CacheShape shape, KvTypes format) {
    CalibrationOptions least = calibration.orElse(Measured.best(0).calibration());
    CacheOptions smallest = bounded(format, policy.orElse(Measured.best(0).policy()), least);
    long needed =
        rows.isPresent()
            ? CacheMemory.bytes(shape, smallest.withRows(rows.getAsInt()))
            : CacheMemory.leastBytes(shape, smallest);
    return new IllegalArgumentException(
        "%d bytes are too few for a cache: %s, prune interval and calibration alone take %d in %s; raise --kv-memory, or lower --prune-interval, --calibration-rows or --calibration-samples"
            .formatted(
                bytes,
                rows.isPresent() ? rows.getAsInt() + " rows" : "sinks, window",
                needed,
                format));
  }
}
