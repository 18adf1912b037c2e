package io.calidrop.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheMemory;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheShape;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.CalibrationOptions.Fold;
import io.calidrop.attention.CalibrationOptions.Mode;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.StoreOptions;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CacheGridTest {
  private static final CacheShape SHAPE = new CacheShape(30, 9, 3, 64);
  private static final int CONTEXT = 3072;

  private static CacheGrid grid(KvType type, List<Fold> folds, boolean equalBytes) {
    return new CacheGrid(
        List.of(KvTypes.of(type)),
        CacheBudget.Compress.ROLLING,
        128,
        CacheBudget.Positions.ABSOLUTE,
        List.of("streaming", "h2o"),
        List.of(64, 256),
        List.of(),
        List.of(Mode.OFF, Mode.PAPER, Mode.FOLD),
        folds,
        List.of(-1f, 0.8f),
        List.of(0, 64),
        StoreOptions.DEFAULT_BYTES,
        equalBytes);
  }

  @Test
  void isEveryCombinationAndEachHasAKeyOfItsOwn() {
    List<Fold> folds =
        List.of(CalibrationOptions.fold(64, 128, 32), CalibrationOptions.fold(16, 128, 32));
    List<CacheSetting> settings = grid(KvType.F16, folds, true).settings(SHAPE, CONTEXT);
    assertThat(settings).hasSize(2 * 2 * (2 + 2 + 2 * 4));
    assertThat(settings).extracting(CacheSetting::key).doesNotHaveDuplicates();
    assertThat(grid(KvType.F16, folds, false).settings(SHAPE, CONTEXT))
        .hasSize(2 * 2 * (2 + 2 + 2 * 2));
  }

  @ParameterizedTest
  @EnumSource(KvType.class)
  void theSameBytesAreTheSameBytes(KvType type) {
    List<Fold> folds = List.of(CalibrationOptions.fold(64, 128, 32));
    List<CacheSetting> settings = grid(type, folds, true).settings(SHAPE, CONTEXT);
    for (int i = 0; i < settings.size(); i++) {
      if (settings.get(i).mode() == Mode.FOLD && settings.get(i).options().store().isPresent()) {
        CacheSetting plain = settings.get(i + 1);
        assertThat(plain.form()).isEqualTo(CacheSetting.EQUAL_BYTES);
        assertThat(plain.rows()).isGreaterThan(settings.get(i).rows());
        // Memory comes in pages of 64 rows, of which there are several here; a store's come
        // besides.
        CacheOptions fold = settings.get(i).options().withStore(Optional.empty());
        assertThat((double) bytes(plain.options())).isCloseTo(bytes(fold), withinPercentage(18));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(KvType.class)
  void theBestFormatsWithoutCalibrationStandBesideIt(KvType type) {
    List<Fold> folds = List.of(CalibrationOptions.fold(64, 128, 32));
    List<CacheSetting> settings = grid(type, folds, true).settings(SHAPE, CONTEXT);
    for (int i = 0; i < settings.size(); i++) {
      if (settings.get(i).mode() == Mode.FOLD && settings.get(i).options().store().isPresent()) {
        CacheSetting best = settings.get(i + 2);
        assertThat(best.form()).isEqualTo(CacheSetting.BEST_PLAIN);
        assertThat(best.mode()).isEqualTo(Mode.OFF);
        assertThat(best.policy()).isEqualTo(settings.get(i).policy());
        assertThat(best.options().kvTypes()).isNotEqualTo(KvTypes.of(type));
        assertThat(best.isFull() || best.rows() > settings.get(i).rows()).isTrue();
        if (!best.isFull()) {
          assertThat(bytes(best.options())).isLessThanOrEqualTo(bytes(settings.get(i).options()));
        }
      }
    }
  }

  @Test
  void forSomeBytesThereIsAPlanAndEveryPolicyWithTheRowsThatFit() {
    List<CacheSetting> settings =
        new CacheGrid(
                List.of(KvTypes.of(KvType.F16), KvTypes.of(KvType.Q8_0)),
                CacheBudget.Compress.ROLLING,
                128,
                CacheBudget.Positions.ABSOLUTE,
                List.of("streaming", "h2o"),
                List.of(128),
                List.of(9L << 20, 64L << 20),
                List.of(Mode.OFF, Mode.FOLD),
                List.of(CalibrationOptions.fold(64, 128, 32)),
                List.of(),
                List.of(0),
                StoreOptions.DEFAULT_BYTES,
                true)
            .settings(SHAPE, CONTEXT);
    assertThat(settings).extracting(CacheSetting::key).doesNotHaveDuplicates();
    // In 64 MiB all of the 3,072 rows fit in 8 bits: nothing to choose.
    assertThat(settings).hasSize(1 + 2 * 2 * 2 + 1 + 2 * 2);
    for (CacheSetting setting : settings) {
      if (!setting.isFull()) {
        assertThat(bytes(setting.options())).isLessThanOrEqualTo(setting.bytes());
        assertThat(bytes(setting.options().withRows(setting.rows() + 64)))
            .isGreaterThan(setting.bytes());
      }
    }
    CacheSetting large = settings.get(1 + 2 * 2 * 2);
    assertThat(large.isPlanned()).isTrue();
    assertThat(large.isFull()).isTrue();
    assertThat(large.types()).isEqualTo("q8_0");
  }

  private static long bytes(CacheOptions options) {
    return CacheMemory.bytes(SHAPE, options);
  }
}
