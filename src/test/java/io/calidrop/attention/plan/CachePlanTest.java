package io.calidrop.attention.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calidrop.attention.AttentionScores;
import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheMemory;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheShape;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.LayerWindows;
import io.calidrop.attention.StoreOptions;
import io.calidrop.attention.policy.EvictionPolicies;
import java.util.Optional;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.LongRange;
import org.junit.jupiter.api.Test;

class CachePlanTest {
  private static final CacheShape SHAPE = new CacheShape(30, 9, 3, 64);
  private static final int CONTEXT = 2048;
  private static final KvTypes K5V4 = new KvTypes(KvType.Q5_0, KvType.Q4_0);

  private static CacheOptions of(CachePlan plan) {
    return plan.of(SHAPE, CONTEXT);
  }

  private static CacheOptions of(long bytes) {
    return of(CachePlan.of(bytes));
  }

  private static long full(KvTypes types) {
    return CacheMemory.bytes(SHAPE, types, CONTEXT);
  }

  private static long bytes(CacheOptions options) {
    return options.budget().isPresent()
        ? CacheMemory.bytes(SHAPE, options)
        : full(options.kvTypes());
  }

  private static int rows(CacheOptions options) {
    return options.budget().orElseThrow().rows();
  }

  @Test
  void nothingIsEvictedAsLongAsEveryPositionFitsInFewerBits() {
    KvTypes finer = null;
    for (KvTypes types : Measured.FORMATS) {
      assertThat(of(full(types))).isEqualTo(CacheOptions.full(types));
      if (finer != null) {
        assertThat(of(full(finer) - 1)).isEqualTo(CacheOptions.full(types));
      }
      finer = types;
    }
    assertThat(of(Long.MAX_VALUE)).isEqualTo(CacheOptions.full(KvType.F16));
    CacheOptions evicting = of(full(Measured.FORMATS.getLast()) - 1);
    assertThat(evicting.kvTypes()).isEqualTo(KvTypes.of(KvType.Q4_0));
    assertThat(rows(evicting)).isLessThan(CONTEXT);
  }

  @Property(tries = 100)
  void thePlanTakesNoMoreThanTheBytesAndLeavesFewOfThem(
      @ForAll @LongRange(min = 3 << 20, max = 64 << 20) long bytes) {
    CacheOptions plan = of(bytes);
    assertThat(bytes(plan)).isLessThanOrEqualTo(bytes);
    if (plan.budget().isPresent()) {
      // A page of 64 rows more would not fit.
      assertThat(bytes(plan.withRows(rows(plan) + 64))).isGreaterThan(bytes);
    }
  }

  @Test
  void calibrationIsLeftOutWhereTooFewRowsWouldBeKeptBesideIt() {
    Measured.Eviction best = Measured.EVICTIONS.getFirst();
    long enough = CacheMemory.bytes(SHAPE, evicting(best).withRows(best.rows()));
    assertThat(of(enough).calibration()).isEqualTo(best.calibration());
    assertThat(of(enough - 1).calibration()).isNotEqualTo(best.calibration());
    long least = CacheMemory.leastBytes(SHAPE, evicting(Measured.EVICTIONS.getLast()));
    assertThat(of(least).calibration()).isEqualTo(CalibrationOptions.off());
    assertThatThrownBy(() -> of(least - 1)).isInstanceOf(IllegalArgumentException.class);
  }

  private static CacheOptions evicting(Measured.Eviction eviction) {
    return CacheOptions.full(eviction.types())
        .bounded(CacheBudget.of(512), eviction.policy(), eviction.calibration());
  }

  @Test
  void rowsAreCoarserWhereTheNewestAreNearlyExact() {
    long enough =
        CacheMemory.bytes(SHAPE, evicting(Measured.COARSE).withRows(Measured.COARSE.rows()));
    assertThat(of(enough).kvTypes()).isEqualTo(Measured.COARSE.types());
    assertThat(of(enough).policy()).isEqualTo(Measured.COARSE.policy());
    assertThat(rows(of(enough))).isGreaterThanOrEqualTo(Measured.COARSE.rows());
    assertThat(of(enough - 1).kvTypes()).isEqualTo(K5V4);
    CacheBudget once =
        new CacheBudget(64, 4, 32, 128, CacheBudget.Compress.ONCE, CacheBudget.Positions.ABSOLUTE);
    assertThat(of(CachePlan.of(enough).withBudget(once)).kvTypes())
        .as("a prompt is attended without them")
        .isEqualTo(K5V4);
    CachePlan stored =
        CachePlan.of(enough).withStore(Optional.of(StoreOptions.usual(KvTypes.of(KvType.F16))));
    assertThat(of(stored).kvTypes()).as("its rows are of the cache's formats").isEqualTo(K5V4);
    assertThat(CachePlan.of(enough).of(windowed(), CONTEXT).kvTypes())
        .as("a window's newest rows are rounded as others")
        .isEqualTo(K5V4);
  }

  private static CacheShape windowed() {
    return new CacheShape(30, 9, 3, 64, AttentionScores.of(64), new LayerWindows(512, 2));
  }

  @Test
  void whatIsGivenRestrictsThePlan() {
    long bytes = full(K5V4);
    CacheOptions keys =
        of(CachePlan.of(bytes).withTypes(Optional.of(KvType.Q8_0), Optional.empty()));
    assertThat(keys.kvTypes().keys()).isEqualTo(KvType.Q8_0);
    assertThat(rows(keys)).isLessThan(CONTEXT);
    CacheOptions half =
        of(CachePlan.of(bytes).withTypes(Optional.of(KvType.F16), Optional.of(KvType.F16)));
    assertThat(half.kvTypes()).isEqualTo(KvTypes.of(KvType.F16));
    assertThat(rows(half)).isLessThan(CONTEXT / 2);
    CachePlan plan = CachePlan.of(6 << 20);
    assertThat(of(plan.withPolicy(EvictionPolicies.named("tova"))).policy().name())
        .isEqualTo("tova");
    CalibrationOptions fold = CalibrationOptions.fold(16, 32, 8);
    assertThat(of(plan.withCalibration(fold)).calibration()).isEqualTo(fold);
    assertThat(of(plan.withCalibration(CalibrationOptions.off())).calibration())
        .isEqualTo(CalibrationOptions.off());
    CacheBudget budget =
        new CacheBudget(100, 8, 64, 32, CacheBudget.Compress.ONCE, CacheBudget.Positions.ABSOLUTE);
    CacheOptions sinks = of(plan.withBudget(budget));
    assertThat(sinks.budget()).contains(budget.withRows(rows(sinks)));
    assertThat(rows(sinks)).isGreaterThan(100);
  }

  @Test
  void besideAStoreTheLatestRowsAreKept() {
    StoreOptions store = StoreOptions.usual(KvTypes.of(KvType.F16));
    CacheOptions plan = of(CachePlan.of(6 << 20).withStore(Optional.of(store)));
    assertThat(plan.policy()).isEqualTo(EvictionPolicies.named("streaming"));
    assertThat(plan.store().orElseThrow().place()).isEqualTo(StoreOptions.Place.AUTO);
    assertThat(of(6 << 20).policy()).isEqualTo(EvictionPolicies.named("h2o"));
  }

  @Test
  void rowsThatAreGivenAreKeptInTheFinestFormatThatFits() {
    CachePlan wide = CachePlan.of(32 << 20).withRows(CacheBudget.of(512));
    assertThat(rows(of(wide))).isEqualTo(512);
    assertThat(of(wide).kvTypes()).isEqualTo(KvTypes.of(KvType.F16));
    CachePlan narrow = CachePlan.of(10 << 20).withRows(CacheBudget.of(512));
    assertThat(rows(of(narrow))).isEqualTo(512);
    assertThat(of(narrow).kvTypes()).isNotEqualTo(KvTypes.of(KvType.F16));
    assertThat(bytes(of(narrow))).isLessThanOrEqualTo(10 << 20);
    assertThatThrownBy(() -> of(CachePlan.of(4 << 20).withRows(CacheBudget.of(512))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("512 rows");
  }

  @Test
  void withoutAnEndAtMostHalfOfTheContextIsKept() {
    CacheOptions plan = of(CachePlan.of(Long.MAX_VALUE).forEndless());
    assertThat(plan.kvTypes()).isEqualTo(KvTypes.of(KvType.F16));
    assertThat(rows(plan)).isEqualTo(CONTEXT / 2 - CacheBudget.DEFAULT_PRUNE_INTERVAL);
    CacheOptions fewer = of(CachePlan.of(bytes(plan) - 1).forEndless());
    assertThat(fewer.kvTypes()).isEqualTo(Measured.FORMATS.get(1));
    assertThat(rows(fewer)).isEqualTo(rows(plan));
    assertThatThrownBy(() -> CachePlan.of(1 << 30).forEndless().of(SHAPE, 300))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("raise --ctx");
  }

  @Test
  void tooFewBytesAreRefusedWithWhatIsNeeded() {
    assertThatThrownBy(() -> of(1000))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageMatching("1000 bytes are too few .* take \\d{7} in .*raise --kv-memory.*");
  }
}
