package io.calidrop;

import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.EvictionPolicy;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.StoreOptions;
import io.calidrop.attention.StoreOptions.Place;
import java.util.List;
import java.util.Optional;

/** The ways in which a bounded cache can deal with what it evicts. */
public final class CacheForms {
  private CacheForms() {}

  /**
   * Nothing, fitted rows, a store that holds everything, one in a file that is full after a page,
   * and references with a store.
   *
   * @param fold of the fitted rows
   */
  public static List<CacheOptions> of(
      KvTypes types, CacheBudget budget, EvictionPolicy policy, CalibrationOptions.Fold fold) {
    CacheOptions full = CacheOptions.full(types);
    CacheOptions folded = full.bounded(budget, policy, fold);
    CalibrationOptions paper = CalibrationOptions.paper(0.8f, 0.6f);
    return List.of(
        full.bounded(budget, policy, CalibrationOptions.off()),
        folded,
        folded.withStore(Optional.of(StoreOptions.inRam(types, 40))),
        folded.withStore(Optional.of(StoreOptions.beside(types, Place.FILE, 1, 40))),
        full.bounded(budget, policy, paper).withStore(Optional.of(StoreOptions.inRam(types, 1))));
  }
}
