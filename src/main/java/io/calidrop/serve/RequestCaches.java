package io.calidrop.serve;

import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheMemory;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CalibrationOptions.Paper;
import io.calidrop.attention.StoreOptions;
import io.calidrop.attention.StoreOptions.Place;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.batch.CacheRequest;
import io.calidrop.generate.Engine;
import io.calidrop.generate.EngineOptions;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * How the caches of a model's requests are kept: the server's way, but for what a request says. A
 * store takes what an answer's share of the memory leaves beside its budget. Immutable.
 */
final class RequestCaches {
  private static final String NO_STORE = "none";

  /** What a request may call its store. */
  static final List<String> STORES =
      Stream.concat(Stream.of(NO_STORE), Arrays.stream(Place.values()).map(RequestCaches::name))
          .toList();

  private final Engine engine;
  private final long share;
  private final CacheOptions usual;

  /**
   * @param share bytes that a bounded cache may take with its store
   */
  RequestCaches(Engine engine, long share) {
    this.engine = engine;
    this.share = share;
    usual = within(engine.cacheOptions());
  }

  /** That of a request which says nothing. */
  CacheOptions usual() {
    return usual;
  }

  /**
   * That of a request.
   *
   * @throws IllegalArgumentException if there can be no such cache
   */
  CacheOptions of(CacheRequest wanted) {
    CacheOptions cache = engine.cacheOptions();
    if (wanted.budget().isPresent()) {
      int rows = wanted.budget().getAsInt();
      cache =
          cache.budget().isEmpty()
              ? EngineOptions.bounded(cache.kvTypes(), rows, Optional.empty())
              : cache.withRows(rows);
    }
    if (wanted.policy().isPresent()) {
      CacheBudget budget = budget(cache, "policy");
      cache =
          cache.bounded(budget, EvictionPolicies.named(wanted.policy().get()), cache.calibration());
    }
    if (wanted.store().isPresent()) {
      budget(cache, "store");
      cache = cache.withStore(store(cache, wanted.store().get()));
    }
    if (wanted.recall().isPresent()) {
      cache = cache.withStore(Optional.of(reading(cache, wanted.recall().getAsInt())));
    }
    CacheOptions possible = within(cache);
    if (cache.store().isPresent()
        && possible.store().isEmpty()
        && (wanted.store().isPresent() || wanted.recall().isPresent())) {
      throw new IllegalArgumentException(
          "store: the budget alone takes an answer's share of the memory, %d MB: ask for a smaller one"
              .formatted(share / 1_000_000));
    }
    return possible;
  }

  private static CacheBudget budget(CacheOptions cache, String field) {
    return cache
        .budget()
        .orElseThrow(
            () -> new IllegalArgumentException(field + ": it needs a budget: give one, too"));
  }

  private static Optional<StoreOptions> store(CacheOptions cache, String name) {
    if (name.equals(NO_STORE)) {
      return Optional.empty();
    }
    for (Place place : Place.values()) {
      if (name(place).equals(name)) {
        long bytes = cache.store().map(StoreOptions::bytes).orElse(StoreOptions.DEFAULT_BYTES);
        int recall = cache.store().map(StoreOptions::recall).orElse(StoreOptions.DEFAULT_RECALL);
        return Optional.of(StoreOptions.beside(cache.kvTypes(), place, bytes, recall));
      }
    }
    throw new IllegalArgumentException(
        "store: there is no \"%s\"; there are %s"
            .formatted(Texts.shortened(name), String.join(", ", STORES)));
  }

  private static String name(Place place) {
    return place.name().toLowerCase(Locale.ROOT);
  }

  private static StoreOptions reading(CacheOptions cache, int rows) {
    StoreOptions store =
        cache
            .store()
            .orElseThrow(
                () -> new IllegalArgumentException("recall: it needs a store: give one, too"));
    if (cache.calibration() instanceof Paper) {
      throw new IllegalArgumentException(
          "recall: the calibration of this server, paper, attends all stored rows");
    }
    return new StoreOptions(store.place(), store.bytes(), rows, store.types());
  }

  private CacheOptions within(CacheOptions cache) {
    if (cache.store().isEmpty()) {
      return cache;
    }
    StoreOptions store = cache.store().get();
    long left = share - CacheMemory.bytes(engine.model().config().cacheShape(), cache);
    return cache.withStore(
        left <= 0
            ? Optional.empty()
            : Optional.of(
                new StoreOptions(
                    store.place(), Math.min(store.bytes(), left), store.recall(), store.types())));
  }
}
