package io.calidrop.attention;

import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CalibrationOptions.Fold;
import io.calidrop.attention.CalibrationOptions.Off;
import io.calidrop.attention.CalibrationOptions.Paper;
import java.util.Optional;

/**
 * How a session's KV cache is kept.
 *
 * @param kvTypes number formats of keys, values and calibration rows
 * @param budget bound of the cache, or empty: every token stays
 * @param policy chooses the rows that stay within the budget
 * @param calibration what stands in for the others
 * @param store where the others stay to be read again; only what leaves it is calibrated
 */
public record CacheOptions(
    KvTypes kvTypes,
    Optional<CacheBudget> budget,
    EvictionPolicy policy,
    CalibrationOptions calibration,
    Optional<StoreOptions> store)
    implements CacheChoice {
  /** Of a cache without a bound: there is nothing to choose. */
  private record EveryToken() implements EvictionPolicy {
    @Override
    public String name() {
      return "full";
    }

    @Override
    public void score(HeadRows rows, float[] scores) {
      throw new IllegalStateException("nothing is evicted from a full cache");
    }
  }

  /** Rows of a budget beside which nearly exact newest rows pay; below, more rows do instead. */
  static final int ROWS_WITH_NEWEST = 512;

  /** What a reference needs. */
  private static final QuerySample LAST = new QuerySample(1, 1);

  public CacheOptions {
    if (budget.isEmpty() && !(calibration instanceof Off)) {
      throw new IllegalArgumentException("calibration needs a budget: nothing is evicted without");
    }
    if (budget.isEmpty() && store.isPresent()) {
      throw new IllegalArgumentException("a store needs a budget: nothing is evicted without");
    }
  }

  /** Itself, for any model. */
  @Override
  public CacheOptions of(CacheShape shape, int context) {
    return this;
  }

  /**
   * Whether the newest rows are nearly exact, where rounding takes much: in a cache that keeps
   * every token, and in one that is pruned as it goes and has a store, or so many rows that theirs
   * are worth less.
   */
  boolean keepsNewest() {
    return budget
        .map(
            b ->
                b.compress() == Compress.ROLLING
                    && (store.isPresent() || b.rows() >= ROWS_WITH_NEWEST))
        .orElse(true);
  }

  /** A head with rows of these formats. */
  KvHead newHead(int headDim) {
    return keepsNewest() ? kvTypes.newFullHead(headDim) : kvTypes.newHead(headDim);
  }

  /** The last queries that a cache keeps of each head, if anything asks for some. */
  public Optional<QuerySample> queries() {
    return switch (calibration) {
      case Fold fold -> Optional.of(fold.queries());
      case Paper paper -> policy.queries().or(() -> Optional.of(LAST));
      case Off off -> policy.queries();
    };
  }

  /** The options in one line, the same for equal ones. */
  @Override
  public String toString() {
    return budget
        .map(b -> "%s, %s, %s, %s, %s".formatted(kvTypes, b, name(policy), calibration, store))
        .orElse(kvTypes.toString());
  }

  private static String name(EvictionPolicy policy) {
    return policy.name() + policy.queries().map(queries -> " of " + queries).orElse("");
  }

  /** A cache that keeps every token, keys and values in the same format. */
  public static CacheOptions full(KvType type) {
    return full(KvTypes.of(type));
  }

  /** A cache that keeps every token. */
  public static CacheOptions full(KvTypes kvTypes) {
    return new CacheOptions(
        kvTypes, Optional.empty(), new EveryToken(), CalibrationOptions.off(), Optional.empty());
  }

  /** The cache with a bound. */
  public CacheOptions bounded(
      CacheBudget budget, EvictionPolicy policy, CalibrationOptions calibration) {
    return new CacheOptions(kvTypes, Optional.of(budget), policy, calibration, store);
  }

  /** The same with another store, or none. */
  public CacheOptions withStore(Optional<StoreOptions> store) {
    return new CacheOptions(kvTypes, budget, policy, calibration, store);
  }

  /** The bounded cache with another number of rows. */
  public CacheOptions withRows(int rows) {
    return bounded(budget.orElseThrow().withRows(rows), policy, calibration);
  }
}
