package io.calidrop.attention;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CacheBudget.Positions;
import io.calidrop.attention.StoreOptions.Place;
import io.calidrop.attention.policy.EvictionPolicies;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Of a cache that evicts and has many rows the newest are nearly exact. */
@Tag("kernel")
class BoundedNewestRowsTest {
  private static final int ROWS = CacheOptions.ROWS_WITH_NEWEST;
  private static final int TOKENS = ROWS + 500;
  private static final KvTypes COARSE = KvTypes.of(KvType.Q4_0);

  private static CacheOptions options(KvTypes types, int rows, int interval, String policy) {
    CacheBudget budget = new CacheBudget(rows, 4, 8, interval, Compress.ROLLING, Positions.REBASE);
    return CacheOptions.full(types)
        .bounded(budget, EvictionPolicies.named(policy), CalibrationOptions.fold(10, 24, 12));
  }

  private static Optional<StoreOptions> store(KvTypes types) {
    return Optional.of(new StoreOptions(Place.RAM, 1 << 20, 9, types));
  }

  @ParameterizedTest
  @CsvSource({
    "h2o, Q4_0, Q4_0, 128, false, 100000",
    "h2o, Q5_0, Q4_0, 48, false, 700",
    "streaming, Q4_0, F16, 100, true, 700",
    "adakv, F16, Q5_0, 128, false, 100000",
    "knorm, Q5_0, Q5_0, 30, false, 800",
    "random, Q8_0, Q4_0, 190, true, 100000",
  })
  void anyCutAndAnyNumberOfThreadsGiveTheSameBits(
      String policy, KvType keys, KvType values, int interval, boolean stored, int context) {
    AttentionStream stream = new AttentionStream(2, 6, 2, 20, TOKENS);
    KvTypes types = new KvTypes(keys, values);
    CacheOptions options =
        options(types, ROWS, interval, policy).withStore(stored ? store(types) : Optional.empty());
    float[] expected = run(stream, options, context, 1, 1);
    assertThat(run(stream, options, context, 2, TOKENS)).as("whole").isEqualTo(expected);
    assertThat(run(stream, options, context, 3, 37)).as("by 37").isEqualTo(expected);
  }

  private static float[] run(
      AttentionStream stream, CacheOptions options, int context, int threads, int batch) {
    try (KvCache cache = stream.newCache(options, context, threads)) {
      return stream.run(cache, threads, from -> batch);
    }
  }

  @Test
  void theNewestRowsAreNearlyExactWhereTheyAreWorthIt() {
    AttentionStream stream = new AttentionStream(3, 4, 2, 32, NewestRows.LEAST);
    float[] exact = stream.run(options(KvTypes.of(KvType.F32), ROWS, 64, "h2o"), 1, 64);
    float[] with = stream.run(options(COARSE, ROWS, 64, "h2o"), 1, 64);
    float[] without = stream.run(options(COARSE, ROWS - 1, 64, "h2o"), 1, 64);
    double rounded = distance(exact, without, 0, exact.length);
    assertThat(distance(exact, with, 0, exact.length)).isLessThan(0.01).isLessThan(0.2 * rounded);
  }

  @ParameterizedTest
  @ValueSource(strings = {"streaming", "h2o"})
  void afterPrunesAndRebasesTheNewestRowsAreStillExact(String policy) {
    AttentionStream stream = new AttentionStream(4, 2, 1, 32, TOKENS);
    for (int context : new int[] {1 << 20, 700}) {
      try (KvCache cache = stream.newCache(options(COARSE, ROWS, 64, policy), context, 1);
          KvCache exact =
              stream.newCache(options(KvTypes.of(KvType.F32), ROWS, 64, policy), context, 1)) {
        stream.run(cache, 1, from -> 64);
        stream.run(exact, 1, from -> 64);
        float[] expected = new float[32];
        float[] actual = new float[32];
        KvHead head = cache.head(0, 0);
        for (int row = 1; row <= 32; row++) {
          exact.head(0, 0).getKey(exact.rows(0, 0) - row, expected, 0);
          head.getKey(head.rows() - row, actual, 0);
          assertThat(distance(expected, actual, 0, 32)).as("key %d", row).isLessThan(0.02);
          exact.head(0, 0).getValue(exact.rows(0, 0) - row, expected, 0);
          head.getValue(head.rows() - row, actual, 0);
          assertThat(distance(expected, actual, 0, 32)).as("value %d", row).isLessThan(0.02);
        }
        head.getKey(head.rows() - 200, actual, 0);
        exact.head(0, 0).getKey(exact.rows(0, 0) - 200, expected, 0);
        assertThat(distance(expected, actual, 0, 32)).isGreaterThan(0.03);
      }
    }
  }

  @Test
  void aSavedSequenceGoesOnWithTheSameBits() {
    AttentionStream stream = new AttentionStream(5, 4, 2, 32, TOKENS);
    CacheOptions options = options(COARSE, ROWS, 128, "h2o");
    for (int cut : new int[] {ROWS + 128, ROWS + 211}) {
      try (KvCache cache = stream.newCache(options, 1 << 20, 2);
          KvCache other = stream.newCache(options, 1 << 20, 2)) {
        stream.run(cache, 2, from -> 100, 0, cut);
        ByteArrayOutputStream saved = new ByteArrayOutputStream();
        cache.transfer(StateStreams.to(saved));
        float[] expected = stream.run(cache, 2, from -> 33, cut, TOKENS);
        other.transfer(StateStreams.from(new ByteArrayInputStream(saved.toByteArray())));
        assertThat(stream.run(other, 2, from -> 50, cut, TOKENS)).isEqualTo(expected);
        assertThat(other.statistics().activeBytes())
            .isLessThanOrEqualTo(CacheMemory.bytes(stream.shape(), options));
      }
    }
  }

  @Test
  void aMarkIsGoneBackToWithTheSameBits() {
    AttentionStream stream = new AttentionStream(6, 4, 2, 32, TOKENS);
    CacheOptions options = options(COARSE, ROWS, 128, "h2o");
    int cut = ROWS + 150;
    try (KvCache cache = stream.newCache(options, 1 << 20, 2)) {
      stream.run(cache, 2, from -> 100, 0, cut);
      cache.mark();
      float[] expected = stream.run(cache, 2, from -> 33, cut, TOKENS);
      cache.truncate(cut);
      assertThat(stream.run(cache, 2, from -> 1, cut, TOKENS)).isEqualTo(expected);
    }
  }

  @Test
  void draftsThatAreTakenBackLeaveNoTrace() {
    AttentionStream stream = new AttentionStream(7, 4, 2, 32, TOKENS);
    CacheOptions options = options(COARSE, ROWS, 128, "h2o");
    float[] expected = run(stream, options, 1 << 20, 2, 1);
    int width = 4 * 32;
    try (KvCache cache = stream.newCache(options, 1 << 20, 2)) {
      int from = ROWS + 120;
      stream.run(cache, 2, at -> 100, 0, from);
      for (int end; from + 10 < TOKENS; from = end) {
        int count = Math.min(9, cache.draftRoom());
        if (count < 2) {
          end = from + 1;
          assertSame(stream.run(cache, 2, at -> 1, from, end), expected, from * width, end * width);
          continue;
        }
        cache.draft(count - 1);
        float[] out = stream.run(cache, 2, at -> count, from, from + count);
        end = from + (count + 1) / 2;
        assertSame(out, expected, from * width, (from + count) * width);
        cache.truncate(end);
      }
    }
  }

  private static void assertSame(float[] actual, float[] expected, int from, int to) {
    for (int i = from; i < to; i++) {
      assertThat(actual[i]).as("%d", i).isEqualTo(expected[i]);
    }
  }

  /** Between batches, which is when a cache is asked. */
  @Test
  void bytesAreWhatWasForetold() {
    AttentionStream stream = new AttentionStream(8, 4, 2, 32, TOKENS);
    for (int batch : List.of(1, 128)) {
      for (int interval : List.of(40, 128)) {
        CacheOptions options = options(COARSE, ROWS, interval, "h2o");
        long most = CacheMemory.bytes(stream.shape(), options);
        long[] largest = {0};
        try (KvCache cache = stream.newCache(options, 1 << 20, 1)) {
          stream.run(
              cache,
              1,
              from -> {
                CacheStatistics now = cache.statistics();
                largest[0] = Math.max(largest[0], now.activeBytes() + now.calibrationBytes());
                return batch;
              });
        }
        assertThat(largest[0]).isLessThanOrEqualTo(most).isGreaterThan(most * 9 / 10);
      }
    }
    assertThat(CacheMemory.bytes(stream.shape(), options(COARSE, ROWS, 128, "h2o")))
        .as("newest rows count")
        .isGreaterThan(
            CacheMemory.bytes(stream.shape(), options(COARSE, ROWS - 1, 128, "h2o")) + 4000);
  }

  /** Relative distance of two vectors' parts. */
  private static double distance(float[] x, float[] y, int from, int to) {
    double distance = 0;
    double norm = 0;
    for (int i = from; i < to; i++) {
      distance += Math.pow(x[i] - y[i], 2);
      norm += Math.pow(x[i], 2);
    }
    return Math.sqrt(distance / norm);
  }
}
