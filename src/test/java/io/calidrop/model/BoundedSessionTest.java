package io.calidrop.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CacheBudget.Positions;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.CalibrationOptions.Store;
import io.calidrop.attention.EvictionPolicies;
import io.calidrop.attention.KvType;
import io.calidrop.bench.RandomModel;
import io.calidrop.gguf.GgufFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A model of random weights whose sessions have a bounded cache. */
@Tag("kernel")
class BoundedSessionTest {
  private static final int CONTEXT = 256;

  @TempDir private static Path directory;
  private static GgufFile file;
  private static LlamaModel model;

  @BeforeAll
  static void load() throws IOException {
    Path path = directory.resolve("tiny.gguf");
    new RandomModel(RandomModel.Shape.STINY, RandomModel.Mix.F32).write(path);
    file = GgufFile.open(path);
    model = ModelLoader.load(file, new LoadOptions(2, false));
  }

  @AfterAll
  static void close() {
    model.close();
    file.close();
  }

  private static CacheOptions options(
      String policy, Compress compress, CalibrationOptions calibration) {
    CacheBudget budget = new CacheBudget(44, 4, 16, 32, compress, Positions.REBASE);
    return CacheOptions.full(KvType.F16)
        .bounded(budget, EvictionPolicies.named(policy), calibration);
  }

  private static List<CalibrationOptions> calibrations() {
    return List.of(
        CalibrationOptions.off(),
        CalibrationOptions.fold(16, 32, 16),
        CalibrationOptions.paper(0.8f, 0.6f, Store.RAM),
        CalibrationOptions.recompute(0.7f, Store.FILE));
  }

  private static int[] tokens(int count) {
    return new Random(3).ints(count, 0, model.config().vocabulary()).toArray();
  }

  @ParameterizedTest
  @ValueSource(strings = {"streaming", "h2o", "tova", "adakv", "expected"})
  void aPromptMayBeCutAnyhowBeyondTheContext(String policy) {
    int[] tokens = tokens(700);
    for (CalibrationOptions calibration : calibrations()) {
      CacheOptions options = options(policy, Compress.ROLLING, calibration);
      float[] expected = null;
      for (int batch : new int[] {700, 1, 45}) {
        try (InferenceSession session = model.newSession(CONTEXT, options)) {
          float[] logits = null;
          for (int from = 0; from < tokens.length; from += batch) {
            int to = Math.min(from + batch, tokens.length);
            logits = model.forward(session, tokens, from, to, true);
          }
          expected = expected == null ? logits.clone() : expected;
          assertThat(logits).as("%s by %d", calibration.mode(), batch).isEqualTo(expected);
          assertThat(session.position()).isEqualTo(700);
        }
      }
    }
  }

  @Test
  void compressedOnceAPromptIsAttendedWhole() {
    int[] tokens = tokens(200);
    float[] full;
    try (InferenceSession session = model.newSession(CONTEXT, KvType.F16)) {
      full = model.forward(session, tokens, 0, 200, true).clone();
    }
    CacheOptions options = options("snapkv", Compress.ONCE, CalibrationOptions.fold(16, 32, 16));
    try (InferenceSession session = model.newSession(CONTEXT, options)) {
      assertThat(model.forward(session, tokens, 0, 200, true)).isEqualTo(full);
      assertThat(session.statistics().kept()).isEqualTo(44);
    }
    try (InferenceSession session = model.newSession(CONTEXT, options)) {
      session.expectPrompt(200);
      model.forward(session, tokens, 0, 130, false);
      assertThat(session.statistics().kept()).isEqualTo(130);
      assertThat(model.forward(session, tokens, 130, 200, true)).isEqualTo(full);
      assertThat(session.statistics().kept()).isEqualTo(44);
      // What comes after stays until budget and interval are passed.
      model.forward(session, tokens, 0, 31, false);
      assertThat(session.statistics().kept()).isEqualTo(75);
      model.forward(session, tokens, 31, 56, false);
      assertThat(session.statistics().kept()).as("at token 256").isEqualTo(44);
    }
  }

  @Test
  void twoHundredThousandTokensNeitherGrowNorFail() {
    int[] tokens = tokens(10_000);
    CacheOptions options = options("h2o", Compress.ROLLING, CalibrationOptions.fold(16, 32, 16));
    try (InferenceSession session = model.newSession(CONTEXT, options)) {
      model.forward(session, tokens, 0, tokens.length, false);
      long bytes = session.statistics().bytes();
      float[] logits = null;
      for (int round = 1; round < 20; round++) {
        logits = model.forward(session, tokens, 0, tokens.length, true);
        assertThat(session.statistics().bytes()).isEqualTo(bytes);
      }
      assertThat(session.position()).isEqualTo(200_000);
      for (float logit : logits) {
        assertThat(logit).isFinite();
      }
    }
  }

  @Test
  void whatCannotBeIsRefusedAndLosesNothing() {
    CacheOptions large =
        CacheOptions.full(KvType.F16)
            .bounded(
                CacheBudget.of(200), EvictionPolicies.named("streaming"), CalibrationOptions.off());
    int[] tokens = tokens(300);
    try (InferenceSession session = model.newSession(CONTEXT, large)) {
      assertThat(session.limit()).as("too large to rebase").isEqualTo(CONTEXT);
      assertThatThrownBy(() -> model.forward(session, tokens, 0, 300, false))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("do not fit");
      model.forward(session, tokens, 0, 250, false);
      assertThatThrownBy(() -> session.truncate(100))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("only to 0");
      assertThat(session.position()).isEqualTo(250);
      session.truncate(0);
      assertThat(session.position()).isZero();
    }
  }
}
