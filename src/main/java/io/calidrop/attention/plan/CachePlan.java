package io.calidrop.attention.plan;

import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CacheChoice;
import io.calidrop.attention.CacheMemory;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheShape;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.EvictionPolicy;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.StoreOptions;
import io.calidrop.attention.policy.EvictionPolicies;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;

/**
 * The cache that diverges least for some bytes, by what was measured (see {@link Measured}). Number
 * formats come first: as long as every position of the context fits in one of them, nothing is
 * evicted. Below that, rows of the coarsest format that evicting pays in are kept, as many as fit
 * beside what the policy and the calibration take. Everything that is said besides the bytes
 * restricts the choice.
 *
 * @param bytes that a session's cache may take, calibration included, the store not
 * @param keys number format, if it is not free
 * @param values number format, if it is not free
 * @param rows of the budget, if they are not free: then formats and calibration are chosen
 * @param budget with any rows: sinks, window and how it is pruned where something is evicted
 * @param policy if it is not free
 * @param calibration if it is not free
 * @param store of what is evicted
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
    Optional<StoreOptions> store,
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
        Optional.empty(),
        false);
  }

  /** In formats that are not free, where one is given. */
  public CachePlan withTypes(Optional<KvType> keys, Optional<KvType> values) {
    return new CachePlan(bytes, keys, values, rows, budget, policy, calibration, store, endless);
  }

  /** With a budget whose rows are not free. */
  public CachePlan withRows(CacheBudget budget) {
    return new CachePlan(
        bytes,
        keys,
        values,
        OptionalInt.of(budget.rows()),
        budget,
        policy,
        calibration,
        store,
        endless);
  }

  public CachePlan withPolicy(EvictionPolicy policy) {
    return new CachePlan(
        bytes, keys, values, rows, budget, Optional.of(policy), calibration, store, endless);
  }

  public CachePlan withCalibration(CalibrationOptions calibration) {
    return new CachePlan(
        bytes, keys, values, rows, budget, policy, Optional.of(calibration), store, endless);
  }

  /** With another store of what is evicted, or none; its formats follow from the cache's. */
  public CachePlan withStore(Optional<StoreOptions> store) {
    return new CachePlan(bytes, keys, values, rows, budget, policy, calibration, store, endless);
  }

  /** With other sinks, another window or interval; its rows do not count. */
  public CachePlan withBudget(CacheBudget budget) {
    return new CachePlan(bytes, keys, values, rows, budget, policy, calibration, store, endless);
  }

  /** For sequences that may outgrow the context. */
  public CachePlan forEndless() {
    return new CachePlan(bytes, keys, values, rows, budget, policy, calibration, store, true);
  }

  /**
   * @throws IllegalArgumentException if the bytes are too few
   */
  @Override
  public CacheOptions of(CacheShape shape, int context) {
    if (rows.isEmpty() && !endless) {
      for (KvTypes any : Measured.FORMATS) {
        KvTypes format = restricted(any);
        if (CacheMemory.bytes(shape, format, context) <= bytes) {
          return CacheOptions.full(format);
        }
      }
    }
    int most = rows.orElseGet(() -> mostRows(context));
    List<Measured.Eviction> evictions =
        evictions(shape).filter(eviction -> eviction.rows() <= most).toList();
    Measured.Eviction best = evictions.getFirst();
    for (KvTypes format : Measured.FORMATS) {
      CacheOptions all = bounded(format, best).withRows(most);
      if (CacheMemory.bytes(shape, all) <= bytes) {
        return all;
      }
      if (format.equals(best.types())) {
        break; // coarser ones do not pay
      }
    }
    for (Measured.Eviction eviction : evictions) {
      Optional<CacheOptions> fit =
          CacheMemory.fit(shape, bounded(eviction.types(), eviction), bytes, most)
              .filter(options -> rows(options) >= rows.orElse(eviction.rows()));
      if (fit.isPresent()) {
        return fit.get();
      }
    }
    Measured.Eviction least = evictions.getLast();
    throw tooFew(shape, bounded(least.types(), least));
  }

  /**
   * What may pay, the best first. Coarse rows do not where some have no nearly exact newest ones:
   * in a store, in a prompt that is compressed once, and in layers that see a window.
   */
  private Stream<Measured.Eviction> evictions(CacheShape shape) {
    boolean coarse =
        store.isEmpty()
            && budget.compress() == Compress.ROLLING
            && shape.fullLayers().length == shape.layers();
    return Stream.concat(
        coarse ? Stream.of(Measured.COARSE) : Stream.of(), Measured.EVICTIONS.stream());
  }

  private static int rows(CacheOptions options) {
    return options.budget().orElseThrow().rows();
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

  /** A format with what is given of it. */
  private KvTypes restricted(KvTypes format) {
    return new KvTypes(keys.orElse(format.keys()), values.orElse(format.values()));
  }

  private CacheOptions bounded(KvTypes any, Measured.Eviction best) {
    KvTypes format = restricted(any);
    return CacheOptions.full(format)
        .bounded(
            budget,
            policy.orElseGet(() -> store.isPresent() ? EvictionPolicies.best(true) : best.policy()),
            calibration.orElse(best.calibration()))
        .withStore(store.map(s -> StoreOptions.beside(format, s.place(), s.bytes(), s.recall())));
  }

  private IllegalArgumentException tooFew(CacheShape shape, CacheOptions smallest) {
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
                smallest.kvTypes()));
  }
}
