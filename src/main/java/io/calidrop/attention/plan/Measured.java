package io.calidrop.attention.plan;

import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.EvictionPolicy;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.policy.EvictionPolicies;
import java.util.List;

/**
 * What diverges least, of SmolLM2 on WikiText-2, seed 1: docs/RESULTS.md, "Plans", has the figures
 * and the commands that print them.
 */
final class Measured {
  /**
   * Formats of a cache that keeps every token, from the finest to the coarsest that is worth it.
   */
  static final List<KvTypes> FORMATS =
      List.of(
          KvTypes.of(KvType.F16),
          KvTypes.of(KvType.Q8_0),
          KvTypes.of(KvType.Q5_0),
          new KvTypes(KvType.Q5_0, KvType.Q4_0));

  /**
   * How to evict.
   *
   * @param rows least rows that the bytes would hold without calibration
   */
  record Eviction(int rows, EvictionPolicy policy, CalibrationOptions calibration) {}

  /** By rising rows. */
  private static final List<Eviction> EVICTIONS =
      List.of(
          new Eviction(
              0, EvictionPolicies.named(EvictionPolicies.DEFAULT), CalibrationOptions.fold()));

  private Measured() {}

  /** How to evict where so many rows would fit without calibration. */
  static Eviction best(int rows) {
    return EVICTIONS.stream().filter(e -> e.rows() <= rows).toList().getLast();
  }
}
