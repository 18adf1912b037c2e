package io.calidrop.attention.plan;

import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.EvictionPolicy;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.policy.EvictionPolicies;
import java.util.List;

/**
 * What diverges least, of SmolLM2 on WikiText-2, seed 1: docs/RESULTS.md, "What bytes buy", has the
 * figures and the command that prints them.
 */
final class Measured {
  private static final KvTypes K5V4 = new KvTypes(KvType.Q5_0, KvType.Q4_0);

  /**
   * Formats of a cache that keeps every token, from the finest to the coarsest that is worth it.
   */
  static final List<KvTypes> FORMATS =
      List.of(
          KvTypes.of(KvType.F16),
          KvTypes.of(KvType.Q8_0),
          KvTypes.of(KvType.Q5_0),
          K5V4,
          KvTypes.of(KvType.Q4_0));

  /**
   * How to evict.
   *
   * @param rows least rows beside which it pays
   * @param types coarsest formats that pay
   * @param policy where nothing is stored
   */
  record Eviction(int rows, KvTypes types, EvictionPolicy policy, CalibrationOptions calibration) {}

  /** Where the newest rows of a cache are nearly exact, which lets the others be coarse. */
  static final Eviction COARSE =
      new Eviction(
          704,
          KvTypes.of(KvType.Q4_0),
          EvictionPolicies.named("streaming"),
          CalibrationOptions.fold());

  /** The best first of the others; one that pays beside any rows last. */
  static final List<Eviction> EVICTIONS =
      List.of(
          new Eviction(128, K5V4, EvictionPolicies.best(false), CalibrationOptions.fold()),
          new Eviction(0, K5V4, EvictionPolicies.best(false), CalibrationOptions.off()));

  private Measured() {}
}
