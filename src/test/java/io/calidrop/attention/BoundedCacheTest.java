package io.calidrop.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CacheBudget.Positions;
import io.calidrop.attention.CalibrationOptions.Mode;
import io.calidrop.attention.StoreOptions.Place;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.attention.policy.H2oPolicy;
import io.calidrop.attention.policy.StreamingPolicy;
import io.calidrop.tensor.WorkerPool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What must hold of a bounded cache whatever its policy and calibration. */
@Tag("kernel")
class BoundedCacheTest {
  private static final List<String> POLICIES =
      Stream.concat(
              EvictionPolicies.names().stream(),
              Stream.of("caote:h2o", "caote:knorm", "caote:adakv"))
          .toList();

  /** Each type of keys and of values, one for each mode and time of compression. */
  private static final List<KvTypes> TYPES =
      List.of(
          KvTypes.of(KvType.F32),
          new KvTypes(KvType.Q5_0, KvType.Q4_0),
          KvTypes.of(KvType.F16),
          KvTypes.of(KvType.Q8_0),
          KvTypes.of(KvType.Q4_0),
          new KvTypes(KvType.F16, KvType.Q5_0),
          KvTypes.of(KvType.Q5_0),
          new KvTypes(KvType.Q4_0, KvType.Q8_0));

  static Stream<String> policies() {
    return POLICIES.stream();
  }

  private static CacheBudget budget(int rows, int interval, Compress compress) {
    return new CacheBudget(rows, 4, 8, interval, compress, Positions.ABSOLUTE);
  }

  private static CacheOptions options(
      KvType type, CacheBudget budget, String policy, CalibrationOptions calibration) {
    return options(KvTypes.of(type), budget, policy, calibration);
  }

  private static CacheOptions options(
      KvTypes types, CacheBudget budget, String policy, CalibrationOptions calibration) {
    return CacheOptions.full(types).bounded(budget, EvictionPolicies.named(policy), calibration);
  }

  private static CalibrationOptions calibration(Mode mode) {
    return switch (mode) {
      case OFF -> CalibrationOptions.off();
      case FOLD -> CalibrationOptions.fold(10, 24, 12);
      case PAPER -> CalibrationOptions.paper(0.8f, 0.5f);
    };
  }

  private static Optional<StoreOptions> store(KvTypes types, int recall) {
    return Optional.of(new StoreOptions(Place.RAM, 1 << 20, recall, types));
  }

  private static Optional<StoreOptions> store(KvType type, int recall) {
    return store(KvTypes.of(type), recall);
  }

  @ParameterizedTest
  @MethodSource("policies")
  void aBudgetThatHoldsEverythingChangesNoBit(String policy) {
    AttentionStream stream = new AttentionStream(1, 6, 2, 20, 90);
    float[] expected = stream.run(CacheOptions.full(KvType.F16), 1, 90);
    for (Mode mode : Mode.values()) {
      for (Compress compress : Compress.values()) {
        CacheBudget budget = budget(200, 16, compress);
        CacheOptions options =
            options(KvType.F16, budget, policy, calibration(mode)).withStore(store(KvType.Q4_0, 5));
        assertThat(stream.run(options, 2, 13)).as("%s %s", mode, compress).isEqualTo(expected);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("policies")
  void anyCutAndAnyNumberOfThreadsGiveTheSameBits(String policy) {
    for (Mode mode : Mode.values()) {
      for (Compress compress : Compress.values()) {
        AttentionStream stream = new AttentionStream(2, 9, 3, 20, 150);
        KvTypes types = TYPES.get(2 * mode.ordinal() + compress.ordinal());
        CacheOptions options =
            options(types, budget(24, 20, compress), policy, calibration(mode))
                .withStore(mode == Mode.FOLD ? Optional.empty() : store(types, 9));
        float[] expected = stream.run(options, 1, 150);
        assertThat(stream.run(options, 2, 1))
            .as("%s %s one by one", mode, compress)
            .isEqualTo(expected);
        assertThat(stream.run(options, 5, 7))
            .as("%s %s by sevens", mode, compress)
            .isEqualTo(expected);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("policies")
  void recomputingAtEveryStepIsTheFullCache(String policy) {
    AttentionStream stream = new AttentionStream(3, 6, 2, 24, 140);
    float[] expected = stream.run(CacheOptions.full(KvType.F32), 1, 140);
    for (int rows : new int[] {12, 30, 70}) {
      CacheBudget budget = budget(rows, 16, Compress.ROLLING);
      CacheOptions paper =
          options(KvType.F32, budget, policy, CalibrationOptions.paper(2, 2))
              .withStore(store(KvType.F32, 1));
      assertClose(stream.run(paper, 2, 11), expected, 1e-5);
      CacheOptions all =
          options(KvType.F32, budget, policy, calibration(Mode.FOLD))
              .withStore(store(KvType.F32, 140));
      assertClose(stream.run(all, 2, 11), expected, 1e-5);
    }
  }

  @ParameterizedTest
  @MethodSource("policies")
  void asLongAsEveryEvictedTokenHasARowNothingIsLost(String policy) {
    AttentionStream stream = new AttentionStream(4, 4, 2, 16, 110);
    float[] expected = stream.run(CacheOptions.full(KvType.F32), 1, 110);
    CacheOptions options =
        options(
            KvType.F32,
            budget(30, 16, Compress.ROLLING),
            policy,
            CalibrationOptions.fold(200, 32, 16));
    assertClose(stream.run(options, 2, 16), expected, 1e-5);
  }

  @Test
  void calibrationHasTheScaleAndTheSoftCapOfTheKernel() {
    AttentionScores scores = new AttentionScores(0.6f, 2.5f);
    AttentionStream stream = new AttentionStream(4, 4, 2, 16, 110, scores);
    float[] expected = stream.run(CacheOptions.full(KvType.F32), 1, 110);
    CacheBudget budget = budget(30, 16, Compress.ROLLING);
    CacheOptions fold =
        options(KvType.F32, budget, "expected", CalibrationOptions.fold(200, 32, 16));
    for (CacheOptions options :
        List.of(
            fold,
            fold.withStore(store(KvType.F32, 110)),
            options(KvType.F32, budget, "expected", CalibrationOptions.paper(2, 2))
                .withStore(store(KvType.F32, 1)))) {
      assertClose(stream.run(options, 2, 16), expected, 1e-5);
    }
  }

  private static void assertClose(float[] actual, float[] expected, double tolerance) {
    for (int i = 0; i < expected.length; i++) {
      assertThat((double) actual[i]).as("element %d", i).isCloseTo(expected[i], within(tolerance));
    }
  }

  @ParameterizedTest
  @MethodSource("policies")
  void theCacheKeepsWithinItsBoundsAndKeepsWhatItMust(String policy) {
    AttentionStream stream = new AttentionStream(5, 6, 3, 16, 300);
    CacheBudget budget = budget(40, 20, Compress.ROLLING);
    CacheOptions options = options(KvType.F16, budget, policy, calibration(Mode.FOLD));
    int most = EvictionPolicies.named(policy).mostRows(40, 3) + 20;
    try (KvCache cache = stream.newCache(options, 1 << 20, 1)) {
      cache.pin(10);
      stream.run(
          cache,
          1,
          from -> {
            int total = 0;
            for (int h = 0; h < 3; h++) {
              HeadState head = ((BoundedCache) cache).state(0, h);
              int rows = head.rows.rows();
              total += rows;
              assertThat(rows).isLessThanOrEqualTo(most);
              for (int row = 1; row < rows; row++) {
                assertThat(head.position(row)).isGreaterThan(head.position(row - 1));
              }
              for (int row = 0; row < Math.min(10, from); row++) {
                assertThat(head.position(row)).as("pinned").isEqualTo(row);
              }
              for (int i = 1; i <= Math.min(8, from); i++) {
                assertThat(head.position(rows - i)).as("window").isEqualTo(from - i);
              }
            }
            if (!policy.endsWith("pyramidkv")) {
              assertThat(total).isLessThanOrEqualTo(3 * (40 + 20));
            }
            return 7;
          });
      if (!policy.contains("pyramidkv")) {
        assertThat(cache.statistics().kept()).isEqualTo(40);
      }
      assertThat(cache.statistics().calibrationRows()).isBetween(1.0, 10.0);
    }
  }

  @Test
  void memoryIsReleasedAndBytesAreWhatWasForetold() {
    AttentionStream stream = new AttentionStream(6, 6, 2, 32, 400);
    for (Mode mode : List.of(Mode.OFF, Mode.FOLD)) {
      CacheOptions options =
          options(KvType.F16, budget(70, 50, Compress.ONCE), "h2o", calibration(mode));
      try (KvCache cache = stream.newCache(options, 1 << 20, 1)) {
        cache.expectPrompt(400);
        stream.run(cache, 1, from -> 64);
        CacheStatistics statistics = cache.statistics();
        assertThat(statistics.kept()).isEqualTo(70);
        assertThat(statistics.activeBytes() + statistics.calibrationBytes())
            .isLessThanOrEqualTo(CacheMemory.bytes(stream.shape(), options));
      }
    }
  }

  @Test
  void aBudgetInBytesIsTheLargestThatFits() {
    CacheShape shape = new CacheShape(30, 9, 3, 64);
    CacheOptions options =
        options(KvType.F16, budget(12, 128, Compress.ROLLING), "streaming", calibration(Mode.FOLD));
    CacheOptions fitted = CacheMemory.fit(shape, options, 16 << 20, 8192).orElseThrow();
    int rows = fitted.budget().orElseThrow().rows();
    assertThat(CacheMemory.bytes(shape, fitted)).isLessThanOrEqualTo(16 << 20);
    CacheOptions larger =
        options(
            KvType.F16,
            budget(rows + 1, 128, Compress.ROLLING),
            "streaming",
            calibration(Mode.FOLD));
    assertThat(CacheMemory.bytes(shape, larger)).isGreaterThan(16 << 20);
    long least = CacheMemory.leastBytes(shape, options);
    assertThat(CacheMemory.fit(shape, options, least, 8192)).isPresent();
    assertThat(CacheMemory.fit(shape, options, least - 1, 8192)).isEmpty();
  }

  @Test
  void aFileHoldsTheSameAsMemoryAndIsNotLeftBehind(@TempDir Path directory) throws IOException {
    AttentionStream stream = new AttentionStream(7, 4, 1, 32, 300);
    CacheBudget budget = budget(20, 32, Compress.ROLLING);
    CacheOptions options =
        options(KvType.F16, budget, "streaming", CalibrationOptions.off())
            .withStore(store(KvType.Q8_0, 16));
    float[] expected = stream.run(options, 1, 32);
    String before = System.setProperty("java.io.tmpdir", directory.toString());
    try {
      StoreOptions file = new StoreOptions(Place.FILE, 1 << 20, 16, KvTypes.of(KvType.Q8_0));
      assertThat(stream.run(options.withStore(Optional.of(file)), 2, 32)).isEqualTo(expected);
    } finally {
      System.setProperty("java.io.tmpdir", before);
    }
    try (Stream<Path> files = Files.list(directory)) {
      assertThat(files).isEmpty();
    }
  }

  @Test
  void aRebaseChangesNoScoreOfWhatMovesTogether() {
    AttentionStream stream = new AttentionStream(8, 4, 2, 16, 230);
    // Without sinks, and with rows that are all recent, nothing is squeezed.
    CacheBudget absolute = new CacheBudget(20, 0, 8, 16, Compress.ROLLING, Positions.ABSOLUTE);
    CacheBudget rebase = new CacheBudget(20, 0, 8, 16, Compress.ROLLING, Positions.REBASE);
    CacheOptions full = CacheOptions.full(KvType.F32);
    StreamingPolicy policy = new StreamingPolicy();
    float[] expected;
    float[] actual;
    try (KvCache cache =
        stream.newCache(full.bounded(absolute, policy, CalibrationOptions.off()), 100, 1)) {
      expected = stream.run(cache, 1, from -> 16);
      assertThat(cache.position()).isEqualTo(230);
    }
    try (KvCache cache =
        stream.newCache(full.bounded(rebase, policy, CalibrationOptions.off()), 100, 1)) {
      actual = stream.run(cache, 1, from -> 16);
      assertThat(cache.position()).isEqualTo(80);
    }
    assertClose(actual, expected, 1e-4);
  }

  @ParameterizedTest
  @EnumSource(Mode.class)
  void aSequenceOfManyContextsStaysFinite(Mode mode) {
    AttentionStream stream = new AttentionStream(15, 4, 2, 16, 700);
    CacheBudget rebase = new CacheBudget(20, 4, 8, 16, Compress.ROLLING, Positions.REBASE);
    CacheOptions options =
        CacheOptions.full(TYPES.get(2 * mode.ordinal() + 1))
            .bounded(rebase, new H2oPolicy(), calibration(mode))
            .withStore(store(TYPES.get(mode.ordinal()), 30));
    try (KvCache cache = stream.newCache(options, 100, 1)) {
      for (float x : stream.run(cache, 1, from -> 16)) {
        assertThat(x).isFinite();
      }
      assertThat(cache.position()).isLessThanOrEqualTo(100);
    }
  }

  @Test
  void rebasedCalibrationKeepsScoresAndDropsWhatFallsBehindTheSinks() {
    int dim = 16;
    PositionRotation rotation = AttentionStream.rotation(dim);
    Random random = new Random(16);
    CalibrationRows rows = new CalibrationRows(8, dim, KvTypes.of(KvType.F32));
    QueryRing ring = new QueryRing(4, 4, 2, dim, true);
    float[] x = new float[dim];
    for (int i = 0; i < 8; i++) {
      fill(x, random);
      rows.add(x, 0, x, 0, 0.5f * i, i < 4 ? 100 * i : 700 + i);
      if (i % 2 == 0) {
        for (int h = 0; h < 2; h++) {
          fill(x, random);
          ring.put(i / 2, 900 + i, h, x, 0, 2);
        }
      }
    }
    HeadState head =
        new HeadState(
            0,
            0,
            KvTypes.of(KvType.F32).newHead(dim),
            rows,
            null,
            null,
            ring,
            new EvictedLooks(),
            false);
    double[][] before = masses(rows, ring);
    try (WorkerPool pool = new WorkerPool(1)) {
      new PositionRebase(new HeadState[] {head}, new PositionRotation[] {rotation})
          .run(pool, 500, 4);
    }
    double[][] after = masses(rows, ring);
    assertThat(rows.count()).isEqualTo(4);
    for (int row = 0; row < 4; row++) {
      assertThat(rows.positions[row]).isEqualTo(204 + row);
      for (int query = 0; query < 8; query++) {
        assertThat(after[row][query]).isCloseTo(before[4 + row][query], withinPercentage(0.01));
      }
    }
    assertThat(ring.position(0)).isEqualTo(400);
  }

  private static void fill(float[] x, Random random) {
    for (int d = 0; d < x.length; d++) {
      x[d] = (float) random.nextGaussian();
    }
  }

  /** What each of 8 queries gives to each row. */
  private static double[][] masses(CalibrationRows rows, QueryRing ring) {
    int dim = rows.rows.headDim;
    double[][] masses = new double[rows.count()][8];
    float[] key = new float[dim];
    float[] query = new float[dim];
    for (int row = 0; row < rows.count(); row++) {
      rows.rows.getKey(row, key, 0);
      for (int i = 0; i < 8; i++) {
        ring.get(i / 2, i % 2, query, 0);
        double score = 0;
        for (int d = 0; d < dim; d++) {
          score += (double) key[d] * query[d];
        }
        masses[row][i] = Math.exp(score / Math.sqrt(dim) + rows.bias(row) - 2);
      }
    }
    return masses;
  }

  @Test
  void rebasedRowsKeepTheirOrderAndDistances() {
    AttentionStream stream = new AttentionStream(9, 2, 1, 8, 500);
    CacheBudget budget = new CacheBudget(30, 4, 8, 16, Compress.ROLLING, Positions.REBASE);
    CacheOptions options =
        CacheOptions.full(KvType.F32).bounded(budget, new H2oPolicy(), calibration(Mode.FOLD));
    try (KvCache cache = stream.newCache(options, 120, 1)) {
      assertThat(cache.isEndless()).isTrue();
      stream.run(
          cache,
          1,
          from -> {
            HeadState head = ((BoundedCache) cache).state(0, 0);
            int rows = head.rows.rows();
            for (int row = 1; row < rows; row++) {
              assertThat(head.position(row)).isGreaterThan(head.position(row - 1));
            }
            for (int row = 0; row < Math.min(4, rows); row++) {
              assertThat(head.position(row)).as("sink").isEqualTo(row);
            }
            for (int i = 1; i <= Math.min(8, rows); i++) {
              assertThat(head.position(rows - i)).isEqualTo(cache.position() - i);
            }
            assertThat(cache.position()).isLessThanOrEqualTo(120);
            for (int row = 0; row < head.calibration.count(); row++) {
              assertThat(head.calibration.positions[row]).isBetween(0, 120);
            }
            return 16;
          });
      assertThat(cache.seen()).isEqualTo(500);
    }
  }

  @Test
  void aBudgetTooLargeToRebaseEndsAtTheContext() {
    AttentionStream stream = new AttentionStream(10, 2, 1, 8, 10);
    CacheOptions options =
        CacheOptions.full(KvType.F32)
            .bounded(CacheBudget.of(100), new StreamingPolicy(), CalibrationOptions.off());
    try (KvCache cache = stream.newCache(options, 300, 1)) {
      assertThat(cache.isEndless()).isFalse();
    }
  }

  @ParameterizedTest
  @MethodSource("policies")
  void pathologicalTokensGiveFiniteOutputs(String policy) {
    for (Mode mode : Mode.values()) {
      for (int kind = 0; kind < 4; kind++) {
        AttentionStream stream = new AttentionStream(11, 4, 2, 16, 120);
        distort(stream, kind);
        CacheOptions options =
            options(KvType.F16, budget(16, 16, Compress.ROLLING), policy, calibration(mode));
        for (float x : stream.run(options, 1, 16)) {
          assertThat(x).as("%s kind %d", mode, kind).isFinite();
        }
      }
    }
  }

  private static void distort(AttentionStream stream, int kind) {
    switch (kind) {
      case 0 -> Arrays.fill(stream.keys, 0); // no norm
      case 1 -> { // the same token over and over
        for (int i = 32; i < stream.keys.length; i++) {
          stream.keys[i] = stream.keys[i % 32];
          stream.values[i] = stream.values[i % 32];
        }
      }
      case 2 -> { // the first rows take all attention: the mass of the others underflows
        for (int i = 0; i < stream.keys.length; i++) {
          stream.keys[i] = i < 4 * 32 ? 60 * stream.queries[i % 16] : -60 * stream.queries[i % 16];
        }
      }
      default -> { // scores beyond the range of the exponential
        for (int i = 0; i < stream.keys.length; i++) {
          stream.keys[i] *= 300;
        }
      }
    }
  }

  @Test
  void aPromptOfOneTokenWorks() {
    AttentionStream stream = new AttentionStream(12, 2, 1, 8, 1);
    for (Compress compress : Compress.values()) {
      CacheOptions options =
          options(KvType.F16, budget(12, 1, compress), "snapkv", calibration(Mode.FOLD));
      assertThat(stream.run(options, 1, 1))
          .isEqualTo(stream.run(CacheOptions.full(KvType.F16), 1, 1));
    }
  }

  @Test
  void impossibleBudgetsAreRefused() {
    assertThatThrownBy(() -> new CacheBudget(35, 4, 32, 128, Compress.ROLLING, Positions.REBASE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("raise it to at least 36");
    AttentionStream stream = new AttentionStream(13, 2, 1, 8, 1);
    CacheOptions options =
        options(KvType.F16, budget(40, 16, Compress.ROLLING), "h2o", calibration(Mode.OFF));
    try (KvCache cache = stream.newCache(options, 100, 1)) {
      assertThatThrownBy(() -> cache.pin(21))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("at least 42");
    }
    assertThatThrownBy(() -> EvictionPolicies.named("lru"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("streaming");
  }

  @Test
  void aClearedCacheBeginsAnew() {
    AttentionStream stream = new AttentionStream(14, 6, 2, 16, 130);
    for (Mode mode : Mode.values()) {
      CacheOptions options =
          options(KvType.F16, budget(24, 16, Compress.ROLLING), "h2o", calibration(mode));
      try (KvCache cache = stream.newCache(options, 1 << 20, 1)) {
        float[] first = stream.run(cache, 1, from -> 16);
        assertThat(cache.canTruncate(100)).isFalse();
        cache.truncate(0);
        assertThat(stream.run(cache, 1, from -> 16)).as("%s", mode).isEqualTo(first);
      }
    }
  }
}
