package io.calidrop.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CacheBudget.Positions;
import io.calidrop.attention.CalibrationOptions.Mode;
import io.calidrop.attention.StoreOptions.Place;
import io.calidrop.attention.policy.EvictionPolicies;
import java.util.List;
import java.util.Optional;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** The invariants of a bounded cache over random shapes and settings. */
class BoundedCachePropertyTest {
  private static final List<String> POLICIES = EvictionPolicies.names();

  private static CacheOptions options(
      KvTypes types,
      int budget,
      int interval,
      Compress compress,
      int policy,
      CalibrationOptions how) {
    int window = Math.max(1, budget / 3);
    CacheBudget bound =
        new CacheBudget(budget, budget / 4, window, interval, compress, Positions.ABSOLUTE);
    return CacheOptions.full(types)
        .bounded(bound, EvictionPolicies.named(POLICIES.get(policy % POLICIES.size())), how);
  }

  private static Optional<StoreOptions> store(KvType keys, KvType values, int recall) {
    return Optional.of(new StoreOptions(Place.RAM, 1 << 20, recall, new KvTypes(keys, values)));
  }

  @Property(tries = 40, seed = "5")
  void cutsAndThreadsChangeNoBit(
      @ForAll @IntRange(min = 1, max = 3) int kvHeads,
      @ForAll @IntRange(min = 1, max = 5) int group,
      @ForAll @IntRange(min = 1, max = 50) int halfDim,
      @ForAll @IntRange(min = 4, max = 70) int budget,
      @ForAll @IntRange(min = 1, max = 40) int interval,
      @ForAll @IntRange(min = 1, max = 20) int rows,
      @ForAll @IntRange(min = 1, max = 50) int window,
      @ForAll @IntRange(min = 1, max = 30) int batch,
      @ForAll @IntRange(min = 0, max = 10) int policy,
      @ForAll KvType keys,
      @ForAll KvType values,
      @ForAll Mode mode,
      @ForAll @IntRange(min = 0, max = 70) int recall,
      @ForAll @IntRange(min = 0, max = 100) int light,
      @ForAll Compress compress) {
    AttentionStream stream =
        new AttentionStream(interval, kvHeads * group, kvHeads, 2 * halfDim, 100);
    CalibrationOptions how =
        switch (mode) {
          case OFF -> CalibrationOptions.off();
          case FOLD -> CalibrationOptions.fold(rows, window, Math.max(1, window / 3));
          case PAPER -> CalibrationOptions.paper(0.7f, 0.4f);
        };
    CacheOptions options =
        options(new KvTypes(keys, values), budget, interval, compress, policy, how)
            .withStore(recall == 0 ? Optional.empty() : store(keys, values, recall));
    float[] expected = stream.run(options, 1, 100, light);
    assertThat(stream.run(options, 3, batch, light)).isEqualTo(expected);
    for (float x : expected) {
      assertThat(x).isFinite();
    }
  }

  @Property(tries = 40, seed = "6")
  void exactWhereNothingIsLost(
      @ForAll @IntRange(min = 1, max = 3) int kvHeads,
      @ForAll @IntRange(min = 1, max = 5) int group,
      @ForAll @IntRange(min = 1, max = 50) int halfDim,
      @ForAll @IntRange(min = 4, max = 70) int budget,
      @ForAll @IntRange(min = 1, max = 40) int interval,
      @ForAll @IntRange(min = 0, max = 10) int policy,
      @ForAll @IntRange(min = 0, max = 2) int form) {
    AttentionStream stream = new AttentionStream(budget, kvHeads * group, kvHeads, 2 * halfDim, 90);
    CalibrationOptions how =
        switch (form) {
          case 0 -> CalibrationOptions.fold(90, 30, 10);
          case 1 -> CalibrationOptions.paper(2, 2);
          default -> CalibrationOptions.off();
        };
    CacheOptions options =
        options(KvTypes.of(KvType.F32), budget, interval, Compress.ROLLING, policy, how)
            .withStore(form == 0 ? Optional.empty() : store(KvType.F32, KvType.F32, 90));
    float[] full = stream.run(CacheOptions.full(KvType.F32), 1, 90);
    float[] actual = stream.run(options, 2, 25, 45);
    for (int i = 0; i < full.length; i++) {
      assertThat((double) actual[i]).isCloseTo(full[i], within(2e-5));
    }
  }
}
