package io.calidrop.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.calidrop.TestData;
import io.calidrop.attention.KvType;
import io.calidrop.gguf.GgufFile;
import io.calidrop.tensor.CpuTopology;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** The real model against llama.cpp's float32 logits and its greedy continuations. */
class SmolLm2Test {
  /** A gap between the two best logits that 8-bit activations do not overturn. */
  private static final double CLEAR_GAP = 0.5;

  private static final int END_OF_TURN = 2;

  private static LlamaModel load(GgufFile file, boolean exact) {
    return ModelLoader.load(file, new LoadOptions(CpuTopology.usableCores(), exact));
  }

  @Test
  void exactLogitsAndGreedyTokensAgree() {
    try (GgufFile file = GgufFile.open(TestData.smolLm2());
        LlamaModel model = load(file, true)) {
      for (JsonNode prompt : TestData.reference("smollm2-generation.json").get("prompts")) {
        String name = prompt.get("name").textValue();
        int[] tokens = TestData.ints(prompt.get("tokens"));
        InferenceSession session = model.newSession(1024, KvType.F32);
        float[] logits = model.forward(session, tokens, 0, tokens.length, true);
        for (JsonNode pair : prompt.get("top_logits")) {
          assertThat((double) logits[pair.get(0).intValue()])
              .as("%s, token %s", name, pair.get(0))
              .isCloseTo(pair.get(1).doubleValue(), within(2e-3));
        }
        int[] expected = untilEnd(TestData.ints(prompt.get("greedy")));
        assertThat(greedy(model, session, logits, expected.length)).as(name).isEqualTo(expected);
      }
    }
  }

  @Test
  void quantisedActivationsStayClose() {
    try (GgufFile file = GgufFile.open(TestData.smolLm2());
        LlamaModel model = load(file, false)) {
      for (JsonNode prompt : TestData.reference("smollm2-generation.json").get("prompts")) {
        String name = prompt.get("name").textValue();
        int[] tokens = TestData.ints(prompt.get("tokens"));
        InferenceSession session = model.newSession(1024, KvType.F16);
        float[] logits = model.forward(session, tokens, 0, tokens.length, true);
        assertThat(divergence(prompt.get("top_logits"), logits)).as(name).isLessThan(0.02);
        int[] expected = untilEnd(TestData.ints(prompt.get("greedy")));
        int clear = 0;
        while (clear < expected.length
            && prompt.get("greedy_gap").get(clear).doubleValue() >= CLEAR_GAP) {
          clear++;
        }
        assertThat(greedy(model, session, logits, clear))
            .as(name)
            .isEqualTo(Arrays.copyOf(expected, clear));
      }
    }
  }

  /**
   * The tokens up to and with the end of the turn; what the reference holds after it is padding.
   */
  private static int[] untilEnd(int[] tokens) {
    for (int i = 0; i < tokens.length; i++) {
      if (tokens[i] == END_OF_TURN) {
        return Arrays.copyOf(tokens, i + 1);
      }
    }
    return tokens;
  }

  private static int[] greedy(LlamaModel model, InferenceSession session, float[] logits, int n) {
    int[] tokens = new int[n];
    float[] current = logits;
    for (int i = 0; i < n; i++) {
      tokens[i] = argmax(current);
      if (i + 1 < n) {
        current = model.forward(session, tokens, i, i + 1, true);
      }
    }
    return tokens;
  }

  private static int argmax(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      if (logits[i] > logits[best]) {
        best = i;
      }
    }
    return best;
  }

  /** KL divergence over the listed tokens, both distributions normalised over them. */
  static double divergence(JsonNode top, float[] logits) {
    double[] p = new double[top.size()];
    double[] q = new double[top.size()];
    for (int i = 0; i < p.length; i++) {
      p[i] = Math.exp(top.get(i).get(1).doubleValue() - top.get(0).get(1).doubleValue());
      q[i] = Math.exp(logits[top.get(i).get(0).intValue()] - top.get(0).get(1).doubleValue());
    }
    double sumP = Arrays.stream(p).sum();
    double sumQ = Arrays.stream(q).sum();
    double divergence = 0;
    for (int i = 0; i < p.length; i++) {
      divergence += p[i] / sumP * Math.log(p[i] / sumP / (q[i] / sumQ));
    }
    return divergence;
  }
}
