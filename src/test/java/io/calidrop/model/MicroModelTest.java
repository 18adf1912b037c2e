package io.calidrop.model;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.calidrop.TestData;
import io.calidrop.attention.KvType;
import io.calidrop.gguf.GgufFile;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Logits of a small random model in every weight format, against those of llama.cpp. */
@Tag("kernel")
class MicroModelTest {

  static Stream<String> files() {
    JsonNode files = TestData.sharedJson("reference/micro/expected.json").get("files");
    return files.propertyStream().map(java.util.Map.Entry::getKey);
  }

  @ParameterizedTest
  @MethodSource("files")
  void exactLogitsAgreeInEveryFormat(String name) {
    for (int batch : new int[] {1, 5, 12}) {
      assertThat(maxError(name, true, batch)).as("batches of %d", batch).isLessThan(1e-3);
    }
  }

  @ParameterizedTest
  @MethodSource("files")
  void quantisedActivationsStayClose(String name) {
    for (int batch : new int[] {1, 5, 12}) {
      assertThat(maxError(name, false, batch)).as("batches of %d", batch).isLessThan(0.1);
    }
  }

  private static double maxError(String name, boolean exact, int batch) {
    JsonNode expected = TestData.sharedJson("reference/micro/expected.json");
    int[] tokens = TestData.ints(expected.get("tokens"));
    JsonNode logits = expected.get("files").get(name).get("logits");
    double[] worst = {0};
    try (GgufFile file = GgufFile.open(TestData.shared("reference/micro/" + name));
        LlamaModel model = ModelLoader.load(file, new LoadOptions(2, exact))) {
      InferenceSession session = model.newSession(64, KvType.F32);
      for (int from = 0; from < tokens.length; from += batch) {
        int to = Math.min(from + batch, tokens.length);
        float[] actual = model.forward(session, tokens, from, to, true);
        if (to == tokens.length) {
          for (int i = 0; i < logits.size(); i++) {
            worst[0] = Math.max(worst[0], Math.abs(actual[i] - logits.get(i).floatValue()));
          }
        }
      }
    }
    return worst[0];
  }
}
