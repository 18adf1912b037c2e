package io.calidrop.attention.plan;

import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import java.util.List;

/**
 * What diverges least, of SmolLM2 on WikiText-2, seed 1: docs/RESULTS.md, "What bytes buy", has the
 * figures and the command that prints them.
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
          new KvTypes(KvType.Q5_0, KvType.Q4_0),
          KvTypes.of(KvType.Q4_0));

  /**
   * Formats of a cache that evicts: where the newest rows are not nearly exact, the coarsest costs
   * more than its bytes buy.
   */
  static final List<KvTypes> EVICTING = FORMATS.subList(0, FORMATS.size() - 1);

  /**
   * How to evict.
   *
   * @param rows least rows beside which it pays
   */
  record Eviction(int rows, CalibrationOptions calibration) {}

  /** The best first; one that pays beside any rows last. */
  static final List<Eviction> EVICTIONS =
      List.of(
          new Eviction(128, CalibrationOptions.fold()), new Eviction(0, CalibrationOptions.off()));

  private Measured() {}

  /** The best beside so many rows. */
  static Eviction best(int rows) {
    return EVICTIONS.stream().filter(e -> e.rows() <= rows).findFirst().orElseThrow();
  }
}
