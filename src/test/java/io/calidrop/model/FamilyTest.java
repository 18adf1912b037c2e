package io.calidrop.model;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.calidrop.TestData;
import io.calidrop.attention.KvType;
import io.calidrop.gguf.GgufFile;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Logits of a small random model of every family, against those of llama.cpp. */
@Tag("kernel")
class FamilyTest {
  private static final String EXPECTED = "reference/families/expected.json";

  /** Above it the two best logits are not exchanged by activations of 8 bits. */
  private static final double GAP = 0.5;

  static Stream<String> files() {
    return TestData.sharedJson(EXPECTED).get("files").propertyStream().map(Map.Entry::getKey);
  }

  @ParameterizedTest
  @MethodSource("files")
  void exactLogitsAgreeInEveryFamily(String name) {
    for (String length : new String[] {"short", "long"}) {
      JsonNode expected = TestData.sharedJson(EXPECTED).get("files").get(name).get(length);
      float[][] logits = logits(name, length, true);
      expected
          .propertyStream()
          .filter(entry -> !entry.getKey().equals("argmax"))
          .forEach(
              entry -> {
                float[] actual = logits[Integer.parseInt(entry.getKey())];
                double worst = 0;
                for (int i = 0; i < actual.length; i++) {
                  worst = Math.max(worst, Math.abs(actual[i] - entry.getValue().get(i).asDouble()));
                }
                assertThat(worst).as("%s, token %s", length, entry.getKey()).isLessThan(1e-3);
              });
      assertThat(disagreements(logits, expected.get("argmax"), 1e-2)).isZero();
    }
  }

  @ParameterizedTest
  @MethodSource("files")
  void quantisedActivationsAgreeOnTheNextToken(String name) {
    for (String length : new String[] {"short", "long"}) {
      JsonNode expected = TestData.sharedJson(EXPECTED).get("files").get(name).get(length);
      assertThat(disagreements(logits(name, length, false), expected.get("argmax"), GAP)).isZero();
    }
  }

  /** Positions with another best token than expected, though it is the best by far. */
  private static long disagreements(float[][] logits, JsonNode argmax, double gap) {
    long count = 0;
    for (int i = 0; i < logits.length; i++) {
      float expected = logits[i][argmax.get(i).intValue()];
      for (float other : logits[i]) {
        if (other > expected + gap) {
          count++;
          break;
        }
      }
    }
    return count;
  }

  /** The logits after every token. */
  private static float[][] logits(String name, String length, boolean exact) {
    int[] tokens = TestData.ints(TestData.sharedJson(EXPECTED).get("tokens").get(length));
    float[][] logits = new float[tokens.length][];
    try (GgufFile file = GgufFile.open(TestData.shared("reference/families/" + name));
        LlamaModel model = ModelLoader.load(file, new LoadOptions(2, exact));
        InferenceSession session = model.newSession(model.config().contextLength(), KvType.F32)) {
      model.forward(
          session,
          tokens,
          0,
          tokens.length,
          (index, row, offset) -> {
            logits[index] = new float[model.config().vocabulary()];
            System.arraycopy(row, offset, logits[index], 0, logits[index].length);
          });
    }
    return logits;
  }
}
