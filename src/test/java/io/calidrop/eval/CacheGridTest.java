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
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CacheGridTest {
  private static final CacheShape SHAPE = new CacheShape(30, 9, 3, 64);

  private static CacheGrid grid(KvType type, List<Fold> folds, boolean equalBytes) {
    return new CacheGrid(
        KvTypes.of(type),
        CacheBudget.Compress.ROLLING,
        128,
        CacheBudget.Positions.ABSOLUTE,
        List.of("streaming", "h2o"),
        List.of(64, 256),
        List.of(Mode.OFF, Mode.PAPER, Mode.FOLD),
        folds,
        List.of(-1f, 0.8f),
        List.of(0, 64),
        equalBytes);
  }

  @Test
  void isEveryCombinationAndEachHasAKeyOfItsOwn() {
    List<Fold> folds =
        List.of(CalibrationOptions.fold(64, 128, 32), CalibrationOptions.fold(16, 128, 32));
    List<CacheSetting> settings = grid(KvType.F16, folds, true).settings(SHAPE);
    assertThat(settings).hasSize(2 * 2 * (2 + 2 + 2 * 3));
    assertThat(settings).extracting(CacheSetting::key).doesNotHaveDuplicates();
    assertThat(grid(KvType.F16, folds, false).settings(SHAPE)).hasSize(2 * 2 * (2 + 2 + 2 * 2));
  }

  @ParameterizedTest
  @EnumSource(KvType.class)
  void theSameBytesAreTheSameBytes(KvType type) {
    List<Fold> folds = List.of(CalibrationOptions.fold(64, 128, 32));
    List<CacheSetting> settings = grid(type, folds, true).settings(SHAPE);
    for (int i = 0; i < settings.size(); i++) {
      if (settings.get(i).mode() == Mode.FOLD && settings.get(i).options().store().isPresent()) {
        CacheSetting plain = settings.get(i + 1);
        assertThat(plain.form()).isEqualTo(CacheSetting.EQUAL_BYTES);
        assertThat(plain.rows()).isGreaterThan(settings.get(i).rows());
        // Memory comes in pages of 64 rows, of which there are several here.
        assertThat((double) bytes(plain.options()))
            .isCloseTo(bytes(settings.get(i).options()), withinPercentage(18));
      }
    }
  }

  private static long bytes(CacheOptions options) {
    return CacheMemory.bytes(SHAPE, options);
  }
}
