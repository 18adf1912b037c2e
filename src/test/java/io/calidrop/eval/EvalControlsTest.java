package io.calidrop.eval;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.MicroModel;
import io.calidrop.TestData;
import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CacheBudget.Positions;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheStatistics;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.StoreOptions;
import io.calidrop.attention.StoreOptions.Place;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.generate.Engine;
import io.calidrop.generate.EngineOptions;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What must come out as it should: here of a page that this project once had. */
@Tag("model")
class EvalControlsTest {
  private static final int PROMPT = 700;
  private static final int COUNT = 64;

  private static Engine random;
  private static Engine real;

  private static Engine load(Path path) {
    return Engine.load(
        path, EngineOptions.defaults().withThreads(2).withCache(CacheOptions.full(KvType.F32)));
  }

  /** A model of random weights: enough for what must hold whatever the model. */
  private static Engine random() {
    random = random == null ? load(MicroModel.file()) : random;
    return random;
  }

  /** A model that knows the language. */
  private static Engine real() {
    real = real == null ? load(TestData.smolLm2()) : real;
    return real;
  }

  private static int[] tokens(Engine engine) throws IOException {
    try (InputStream in = EvalControlsTest.class.getResourceAsStream("text.md")) {
      int[] all = engine.tokenizer().encode(new String(in.readAllBytes(), UTF_8), false);
      assertThat(all).hasSizeGreaterThan(PROMPT + COUNT);
      return Arrays.copyOf(all, PROMPT + COUNT + 1);
    }
  }

  @AfterAll
  static void close() {
    for (Engine engine : new Engine[] {random, real}) {
      if (engine != null) {
        engine.close();
      }
    }
  }

  private static CacheOptions cache(
      String policy, int rows, Compress compress, CalibrationOptions calibration) {
    CacheBudget budget = new CacheBudget(rows, 4, 32, 128, compress, Positions.ABSOLUTE);
    return CacheOptions.full(KvType.F32)
        .bounded(budget, EvictionPolicies.named(policy), calibration);
  }

  /** With a store of single precision. */
  private static CacheOptions stored(
      String policy, Compress compress, int recall, CalibrationOptions calibration) {
    StoreOptions store = new StoreOptions(Place.RAM, 1 << 30, recall, KvTypes.of(KvType.F32));
    return cache(policy, 64, compress, calibration).withStore(Optional.of(store));
  }

  private static List<CacheQuality.Result> compare(
      Engine engine, Compress compress, List<CacheOptions> caches) throws IOException {
    TextWindow window = new TextWindow(tokens(engine), compress == Compress.ONCE, PROMPT);
    try (CacheQuality quality =
        new CacheQuality(engine.model(), KvTypes.of(KvType.F32), window, caches)) {
      return quality.compare(caches);
    }
  }

  @Test
  void aBudgetThatHoldsEverythingIsTheFullCache() throws IOException {
    for (Compress compress : Compress.values()) {
      List<CacheOptions> caches =
          List.of(
              cache("streaming", 1024, compress, CalibrationOptions.off()),
              cache("h2o", 1024, compress, CalibrationOptions.fold(64, 128, 32)),
              cache("snapkv", 1024, compress, CalibrationOptions.paper(.8f, .8f)));
      for (CacheQuality.Result result : compare(random(), compress, caches)) {
        assertThat(result.divergence()).isLessThan(1e-8); // a sum of 49,152 terms
        assertThat(result.equalArgmax()).isEqualTo(1);
        assertThat(result.agreement()).isEqualTo(128);
        assertThat(result.perplexity()).isEqualTo(result.fullPerplexity());
      }
    }
  }

  @Test
  void recomputingAtEveryStepIsTheFullCache() throws IOException {
    for (Compress compress : Compress.values()) {
      List<CacheOptions> caches = new ArrayList<>();
      for (String policy : List.of("streaming", "h2o", "random")) {
        caches.add(stored(policy, compress, 4096, CalibrationOptions.off()));
        caches.add(stored(policy, compress, 1, CalibrationOptions.paper(1.2f, 1.1f)));
      }
      for (CacheQuality.Result result : compare(random(), compress, caches)) {
        // 8-bit activations round the last bits of attention up or down.
        assertThat(result.divergence()).isLessThan(2e-3);
        assertThat(result.cache().calibrated()).isZero();
        assertThat(result.cache().skipped()).isZero();
      }
    }
  }

  @Test
  void aStaleReferenceHurtsAndFittedRowsHelp() throws IOException {
    List<CacheOptions> caches =
        List.of(
            cache("streaming", 64, Compress.ONCE, CalibrationOptions.off()),
            cache("streaming", 64, Compress.ONCE, CalibrationOptions.paper(-1, -1)),
            cache("streaming", 64, Compress.ONCE, CalibrationOptions.fold(64, 128, 32)));
    List<CacheQuality.Result> results = compare(real(), Compress.ONCE, caches);
    double off = results.get(0).divergence();
    assertThat(results.get(1).divergence()).as("stale, against %s", off).isGreaterThan(1.5 * off);
    assertThat(results.get(2).divergence()).as("fold, against %s", off).isLessThan(.6 * off);
  }

  /** A low error of attention is not quality: the stale reference halves it. */
  @Test
  void errorsOfAttentionAreMeasuredByLayerAndHead() throws IOException {
    List<CacheOptions> caches =
        List.of(
            cache("streaming", 1024, Compress.ROLLING, CalibrationOptions.off()),
            cache("streaming", 64, Compress.ROLLING, CalibrationOptions.off()),
            stored("streaming", Compress.ROLLING, 1, CalibrationOptions.paper(.8f, .8f)));
    TextWindow window = new TextWindow(tokens(real()), false, PROMPT);
    try (AttentionError error =
        new AttentionError(real().model(), KvTypes.of(KvType.F32), window, caches)) {
      assertThat(error.measure(caches.get(0)).mean()).isZero();
      AttentionError.Result off = error.measure(caches.get(1));
      AttentionError.Result paper = error.measure(caches.get(2));
      assertThat(off.errors()).hasDimensions(30, 9);
      assertThat(off.mean()).isBetween(.1, 1.0);
      assertThat(paper.mean()).isLessThan(.9 * off.mean());
      assertThat(paper.layers()).hasSize(30);
      long queries = 9L * (PROMPT + COUNT - 128);
      for (CacheStatistics layer : paper.layers()) {
        assertThat(layer.looks()).isEqualTo(queries);
        assertThat(layer.calibrated()).isPositive();
        assertThat(layer.recomputed()).isPositive();
      }
    }
  }

  @Test
  void withoutContextTheTextIsHarder() throws IOException {
    TextWindow window = new TextWindow(tokens(real()), false, PROMPT);
    List<CacheOptions> caches =
        List.of(cache("streaming", 64, Compress.ROLLING, CalibrationOptions.off()));
    try (CacheQuality quality =
        new CacheQuality(real().model(), KvTypes.of(KvType.F32), window, caches)) {
      double full = quality.compare(caches).getFirst().fullPerplexity();
      assertThat(quality.perplexityWithoutContext()).isGreaterThan(full);
    }
  }

  @Test
  void costIsMeasuredAlongTheText() throws IOException {
    CacheOptions options =
        cache("streaming", 128, Compress.ROLLING, CalibrationOptions.fold(64, 128, 32));
    List<CacheCost.Point> points =
        new CacheCost(random().model(), 4)
            .measure(options, 8192, tokens(random()), List.of(100, 600), point -> {});
    assertThat(points).extracting(CacheCost.Point::position).containsExactly(100, 600);
    CacheCost.Point last = points.getLast();
    assertThat(last.cache().seen()).isEqualTo(604);
    assertThat(last.prefillRate()).isPositive();
    assertThat(last.decodeRate()).isPositive();
    assertThat(last.firstTokenSeconds()).isGreaterThan(points.getFirst().firstTokenSeconds());
  }
}
