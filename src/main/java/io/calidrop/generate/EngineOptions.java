package io.calidrop.generate;

import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheChoice;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.StoreOptions;
import io.calidrop.attention.StoreOptions.Place;
import io.calidrop.attention.plan.CachePlan;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.tensor.CpuTopology;
import java.util.Optional;

/**
 * How an {@link Engine} computes. The defaults are those of {@link #defaults()}; each {@code with}
 * method returns a copy that differs in one value. Immutable: threads may share it.
 *
 * @param threads threads that compute
 * @param contextLength most positions of a session, or 0: the model's trained length
 * @param cache how the KV cache is kept
 * @param exact float32 activations and scalar dequantisation: slow, the reference
 * @param speculation how tokens are guessed ahead: the text is the same
 * @param quickStart see {@link io.calidrop.model.LoadOptions}: for the first token soon
 */
public record EngineOptions(
    int threads,
    int contextLength,
    CacheChoice cache,
    boolean exact,
    Speculation speculation,
    boolean quickStart) {
  /** Rows that every token reads of a cache that it chooses the others of. */
  private static final int NEWEST = 512;

  public EngineOptions {
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1, not " + threads);
    }
    if (contextLength < 0) {
      throw new IllegalArgumentException(
          "the context must be at least 1, or 0 for the trained length, not " + contextLength);
    }
  }

  /**
   * A thread for each core, the trained context, a cache of half precision without a bound; tokens
   * are guessed ahead where it pays.
   */
  public static EngineOptions defaults() {
    return new EngineOptions(
        CpuTopology.usableCores(),
        0,
        CacheOptions.full(KvType.F16),
        false,
        Speculation.auto(),
        false);
  }

  public EngineOptions withThreads(int threads) {
    return new EngineOptions(threads, contextLength, cache, exact, speculation, quickStart);
  }

  public EngineOptions withContextLength(int contextLength) {
    return new EngineOptions(threads, contextLength, cache, exact, speculation, quickStart);
  }

  /** Keeps the cache another way; {@link #withMemory} or {@link #withBudget} does for most. */
  public EngineOptions withCache(CacheChoice cache) {
    return new EngineOptions(threads, contextLength, cache, exact, speculation, quickStart);
  }

  /**
   * Bounds each session's cache by its bytes: number formats, budget, policy and calibration are
   * the best for them, see {@link CachePlan}. What is evicted is stored besides, as {@link
   * #withBudget} has it.
   */
  public EngineOptions withMemory(long bytes) {
    return withCache(
        CachePlan.of(bytes).withStore(Optional.of(StoreOptions.usual(KvTypes.of(KvType.F16)))));
  }

  /**
   * Bounds the cache with the default policy and calibration: texts and conversations may be of any
   * length. Its number formats are those that the cache was given, or half precision. What is
   * evicted is {@linkplain StoreOptions#usual stored}.
   *
   * @param rows tokens kept per KV head and layer
   * @throws IllegalArgumentException if they are fewer than {@link CacheBudget#of} takes
   */
  public EngineOptions withBudget(int rows) {
    KvTypes types =
        cache instanceof CacheOptions options ? options.kvTypes() : KvTypes.of(KvType.F16);
    return withCache(bounded(types, rows, Optional.of(StoreOptions.usual(types))));
  }

  /** A cache in some formats with the policy that is best beside its store, and calibration. */
  public static CacheOptions bounded(KvTypes types, int rows, Optional<StoreOptions> store) {
    return CacheOptions.full(types)
        .bounded(
            CacheBudget.of(rows),
            EvictionPolicies.best(store.isPresent()),
            CalibrationOptions.fold())
        .withStore(store);
  }

  /**
   * A cache that loses nothing, of which each token reads only the newest rows, in half precision,
   * and the best of all others: for speed where there are many.
   *
   * @param types of the others
   * @param recall how many of them a token reads of each KV head
   */
  public static CacheOptions choosing(KvTypes types, int recall) {
    return CacheOptions.full(KvType.F16)
        .bounded(
            CacheBudget.of(NEWEST), EvictionPolicies.named("streaming"), CalibrationOptions.off())
        .withStore(Optional.of(new StoreOptions(Place.RAM, Long.MAX_VALUE, recall, types)));
  }

  public EngineOptions withSpeculation(Speculation speculation) {
    return new EngineOptions(threads, contextLength, cache, exact, speculation, quickStart);
  }

  public EngineOptions withExact(boolean exact) {
    return new EngineOptions(threads, contextLength, cache, exact, speculation, quickStart);
  }

  public EngineOptions withQuickStart(boolean quickStart) {
    return new EngineOptions(threads, contextLength, cache, exact, speculation, quickStart);
  }
}
