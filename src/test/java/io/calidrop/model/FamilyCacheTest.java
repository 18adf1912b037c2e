package io.calidrop.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calidrop.CacheForms;
import io.calidrop.MicroModel;
import io.calidrop.attention.AttendedPrompt;
import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CacheBudget.Positions;
import io.calidrop.attention.CacheMemory;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheStatistics;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.eval.AttentionError;
import io.calidrop.eval.CacheQuality;
import io.calidrop.eval.TextWindow;
import io.calidrop.gguf.GgufFile;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Budgets, policies, calibrations and rebasing in models whose layers differ: some see a window of
 * 16 tokens only, some know no positions, some have experts.
 */
@Tag("kernel")
class FamilyCacheTest {
  private static final int CONTEXT = 256;
  private static final int BUDGET = 44;

  @TempDir private static Path directory;

  private static int[] tokens(int count) {
    return new Random(3).ints(count, 0, MicroModel.VOCABULARY).toArray();
  }

  private static GgufFile open(String name) {
    return MicroModel.open(name, directory);
  }

  private static Transformer load(GgufFile file) {
    return ModelLoader.load(file, new LoadOptions(2, false));
  }

  private static CacheOptions options(
      String policy, int sinks, Compress compress, Positions positions, CalibrationOptions form) {
    CacheBudget budget = new CacheBudget(BUDGET, sinks, 16, 32, compress, positions);
    return CacheOptions.full(KvType.F32).bounded(budget, EvictionPolicies.named(policy), form);
  }

  private static List<CacheOptions> forms(String policy, Compress compress) {
    CacheBudget budget = new CacheBudget(BUDGET, 4, 16, 32, compress, Positions.REBASE);
    return CacheForms.of(
        KvTypes.of(KvType.F32),
        budget,
        EvictionPolicies.named(policy),
        CalibrationOptions.fold(16, 32, 16));
  }

  static Stream<Arguments> policies() {
    return Stream.of("family-gemma2", "family-gemma3", "family-qwen3moe")
        .flatMap(
            name -> EvictionPolicies.names().stream().map(policy -> Arguments.of(name, policy)));
  }

  /** Cases: any batch, beyond the context, within the budget, after saving and with a prompt. */
  @ParameterizedTest
  @MethodSource("policies")
  void everyPolicyAndCalibrationKeepsItsPromises(String name, String policy) {
    int[] tokens = tokens(400);
    try (GgufFile file = open(name);
        Transformer model = load(file)) {
      for (CacheOptions rolling : forms(policy, Compress.ROLLING)) {
        try (InferenceSession whole = model.newSession(CONTEXT, rolling);
            InferenceSession pieces = model.newSession(CONTEXT, rolling)) {
          float[] expected = model.forward(whole, tokens, 0, 400, true);
          assertThat(whole.statistics().kept()).isLessThanOrEqualTo(BUDGET + 31);
          for (int i = 0; i < 350; i += 35) {
            model.forward(pieces, tokens, i, i + 35, false);
          }
          try (InferenceSession fork = model.fork(pieces)) {
            for (int i = 350; i < 400; i++) {
              model.forward(fork, tokens, i, i + 1, true);
            }
            assertThat(model.forward(fork, tokens, 0, 1, true))
                .as("%s", rolling)
                .isEqualTo(model.forward(whole, tokens, 0, 1, true))
                .doesNotContain(Float.NaN);
          }
          assertThat(expected).isNotNull();
        }
      }
      for (CacheOptions once : forms(policy, Compress.ONCE)) {
        AttendedPrompt prompt =
            model.record(CONTEXT, tokens, 0, 120, KvTypes.of(KvType.F32), 16, 128, true);
        try (InferenceSession own = model.newSession(CONTEXT, once);
            InferenceSession adopting = model.newSession(CONTEXT, once)) {
          model.forward(own, tokens, 0, 120, false);
          model.adopt(adopting, prompt);
          assertThat(model.forward(adopting, tokens, 120, 130, true))
              .as("%s", once)
              .isEqualTo(model.forward(own, tokens, 120, 130, true));
        }
      }
    }
  }

  /**
   * Without sinks every row goes back as far as its layer's token does: nothing changes but
   * rounding, whatever rotation a layer has.
   */
  @ParameterizedTest
  @ValueSource(strings = {"family-gemma3", "family-smollm3", "family-qwen3", "family-phi3"})
  void rebasingTurnsEachLayerAsItIsRotated(String name) {
    int[] tokens = tokens(300);
    CalibrationOptions off = CalibrationOptions.off();
    try (GgufFile file = open(name);
        Transformer model = ModelLoader.load(file, new LoadOptions(2, true));
        InferenceSession absolute =
            model.newSession(
                CONTEXT, options("streaming", 0, Compress.ROLLING, Positions.ABSOLUTE, off));
        InferenceSession rebased =
            model.newSession(
                CONTEXT, options("streaming", 0, Compress.ROLLING, Positions.REBASE, off))) {
      float[] expected = model.forward(absolute, tokens, 0, 300, true);
      float[] actual = model.forward(rebased, tokens, 0, 300, true);
      for (int i = 0; i < expected.length; i++) {
        assertThat(Math.abs(actual[i] - expected[i])).as("%d", i).isLessThan(0.001f);
      }
    }
  }

  @Test
  void aWindowedLayerKeepsNoMoreThanItsWindowAndASegment() {
    int[] tokens = tokens(200);
    try (GgufFile file = open("family-gemma3");
        Transformer model = load(file);
        InferenceSession session = model.newSession(4096, KvType.F16)) {
      for (int i = 0; i < 2; i++) {
        model.forward(session, tokens, 0, 200, false);
      }
      long before = session.statistics().bytes();
      for (int i = 0; i < 10; i++) {
        model.forward(session, tokens, 0, 200, false);
      }
      ModelConfig config = model.config();
      long grown = session.statistics().bytes() - before;
      // One of six layers sees everything; the others hold at most the pages of the window, of a
      // segment and of the last batch: some pages more than after the first 400 tokens, or one
      // less.
      long aRow = 2L * config.kvDim() * Short.BYTES;
      assertThat(grown).isLessThan(2000 * aRow + 5 * 320 * aRow + 64 * aRow);
      assertThat(grown).isGreaterThanOrEqualTo(1984 * aRow - 5 * 64 * aRow);
    }
  }

  @Test
  void memoryOfABudgetCountsWindows() {
    try (GgufFile file = open("family-gemma3");
        Transformer model = load(file)) {
      CacheOptions options =
          options(
              "h2o", 4, Compress.ROLLING, Positions.REBASE, CalibrationOptions.fold(16, 32, 16));
      long most = CacheMemory.bytes(model.config().cacheShape(), options);
      int[] tokens = tokens(32);
      try (InferenceSession session = model.newSession(CONTEXT, options)) {
        for (int i = 0; i < 30; i++) {
          model.forward(session, tokens, 0, 32, false);
          assertThat(session.statistics().bytes()).isLessThanOrEqualTo(most);
        }
        assertThat(session.layerStatistics())
            .extracting(CacheStatistics::kept)
            .containsExactly(16.0, 16.0, 16.0, 16.0, 16.0, (double) BUDGET);
      }
    }
  }

  @Test
  void whatHasLeftAWindowDoesNotComeBack() {
    int[] tokens = tokens(600);
    try (GgufFile file = open("family-gemma3");
        Transformer model = load(file);
        InferenceSession session = model.newSession(1024, KvType.F16);
        InferenceSession fresh = model.newSession(1024, KvType.F16)) {
      float[] expected = model.forward(session, tokens, 0, 500, true).clone();
      assertThat(session.canTruncate(450)).isTrue();
      session.truncate(450);
      assertThat(model.forward(session, tokens, 450, 500, true)).isEqualTo(expected);
      model.forward(session, tokens, 500, 600, false);
      assertThat(session.canTruncate(100)).isFalse();
      assertThatThrownBy(() -> session.truncate(100))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("cannot go back to 100");
      session.truncate(0);
      assertThat(model.forward(session, tokens, 0, 200, true))
          .isEqualTo(model.forward(fresh, tokens, 0, 200, true));
    }
  }

  /** The full cache is measured twice, though its windows cannot go back. */
  @Test
  void evaluationsGoBackBeforeAWindow() {
    CacheBudget everything = new CacheBudget(1000, 4, 16, 32, Compress.ROLLING, Positions.ABSOLUTE);
    CacheOptions options =
        CacheOptions.full(KvType.F16)
            .bounded(everything, EvictionPolicies.named("h2o"), CalibrationOptions.off());
    TextWindow window = new TextWindow(tokens(641), false, 250);
    try (GgufFile file = open("family-gemma3");
        Transformer model = load(file);
        CacheQuality quality =
            new CacheQuality(model, KvTypes.of(KvType.F16), window, List.of(options, options));
        AttentionError error =
            new AttentionError(model, KvTypes.of(KvType.F16), window, List.of(options, options))) {
      for (CacheQuality.Result result : quality.compare(List.of(options, options))) {
        assertThat(result.divergence()).isLessThan(1e-7); // it is rounded
        assertThat(result.agreement()).isEqualTo(128);
      }
      assertThat(error.measure(options).mean()).isZero();
      assertThat(error.measure(options).layers()).hasSize(6);
    }
  }

  @ParameterizedTest
  @MethodSource("io.calidrop.MicroModel#families")
  void inspectingFindsNothingAgainstAFamily(String name) {
    try (GgufFile file = open(name)) {
      assertThat(ModelInspection.of(file).problems()).isEmpty();
    }
  }

  @Test
  void inspectingTellsLayersThatSeeAWindowApart() {
    try (GgufFile file = open("family-gemma3")) {
      ModelInspection inspection = ModelInspection.of(file);
      long layer = 2L * inspection.config().orElseThrow().kvDim();
      assertThat(inspection.kvValues()).contains(layer);
      assertThat(inspection.windowKvValues()).contains(5 * layer);
    }
    try (GgufFile file = open("family-qwen2")) {
      assertThat(ModelInspection.of(file).windowKvValues()).isEmpty();
    }
  }
}
