package io.calidrop.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import io.calidrop.MicroModel;
import io.calidrop.TestData;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.KvType;
import io.calidrop.eval.Perplexity;
import io.calidrop.gguf.GgufFile;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Small models of random weights in every weight format, against figures of llama.cpp. */
@Tag("kernel")
class MicroModelTest {
  private static final JsonNode REFERENCE = TestData.reference("logits.json");
  private static final int[] TOKENS = TestData.ints(REFERENCE.get("tokens"));
  private static final int CONTEXT = 128;

  /** What the order of a sum may change. */
  private static final float ROUNDING = 1e-3f;

  @TempDir private static Path directory;

  static Stream<String> names() {
    return MicroModel.names();
  }

  @ParameterizedTest
  @MethodSource("names")
  void quantisedActivationsStayClose(String name) {
    try (GgufFile file = MicroModel.open(name, directory);
        Transformer model = ModelLoader.load(file, new LoadOptions(2, false))) {
      for (int batch : new int[] {1, 12, 96}) {
        assertThat(maxError(name, model, batch)).as("batches of %d", batch).isLessThan(0.1f);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void exactLogitsContinuationsAndPerplexitiesAgree(String name) {
    JsonNode figures = REFERENCE.get("models").get(name);
    try (GgufFile file = MicroModel.open(name, directory);
        Transformer model = ModelLoader.load(file, new LoadOptions(2, true));
        InferenceSession session = model.newSession(CONTEXT, KvType.F32)) {
      assertThat(maxError(name, model, 7)).isLessThan(ROUNDING);
      float[] logits = model.forward(session, TOKENS, 0, TOKENS.length, true);
      for (JsonNode best : figures.get("greedy")) {
        int token = best.get(0).intValue();
        for (int other = 0; other < logits.length; other++) {
          assertThat(logits[other]).as("%d", other).isLessThan(logits[token] + ROUNDING);
        }
        logits = model.forward(session, new int[] {token}, 0, 1, true);
      }
      CacheOptions cache = CacheOptions.full(KvType.F32);
      Perplexity perplexity = new Perplexity(model, cache, -1, TOKENS.length / 2);
      perplexity.add(perplexity.measure(TOKENS));
      assertThat(perplexity.value())
          .isCloseTo(figures.get("perplexity").doubleValue(), withinPercentage(0.1));
    }
  }

  private static float maxError(String name, Transformer model, int batch) {
    float[] actual = null;
    try (InferenceSession session = model.newSession(CONTEXT, KvType.F32)) {
      for (int from = 0; from < TOKENS.length; from += batch) {
        int to = Math.min(from + batch, TOKENS.length);
        actual = model.forward(session, TOKENS, from, to, to == TOKENS.length);
      }
    }
    float worst = 0;
    JsonNode expected = REFERENCE.get("models").get(name).get("logits");
    for (int i = 0; i < expected.size(); i++) {
      worst = Math.max(worst, Math.abs(actual[i] - expected.get(i).floatValue()));
    }
    return worst;
  }
}
