package io.calidrop.attention;

import java.util.Optional;

/**
 * How a session's KV cache is kept.
 *
 * @param kvType number format of keys, values and calibration rows
 * @param budget bound of the cache, or empty: every token stays
 * @param policy chooses the rows that stay within the budget
 * @param calibration what stands in for the others
 */
public record CacheOptions(
    KvType kvType,
    Optional<CacheBudget> budget,
    EvictionPolicy policy,
    CalibrationOptions calibration) {

  public CacheOptions {
    if (budget.isEmpty() && calibration.mode() != CalibrationOptions.Mode.OFF) {
      throw new IllegalArgumentException("calibration needs a budget: nothing is evicted without");
    }
  }

  /** The options in one line, the same for equal ones. */
  @Override
  public String toString() {
    return budget
        .map(b -> "%s, %s, %s, %s".formatted(kvType, b, policy.name(), calibration))
        .orElse(kvType.toString());
  }

  /** A cache that keeps every token. */
  public static CacheOptions full(KvType kvType) {
    return new CacheOptions(
        kvType, Optional.empty(), new StreamingPolicy(), CalibrationOptions.off());
  }

  /** The cache with a bound. */
  public CacheOptions bounded(
      CacheBudget budget, EvictionPolicy policy, CalibrationOptions calibration) {
    return new CacheOptions(kvType, Optional.of(budget), policy, calibration);
  }
}
