package io.calidrop.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import io.calidrop.CacheForms;
import io.calidrop.TestData;
import io.calidrop.attention.AttendedPrompt;
import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CacheBudget.Positions;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.eval.Perplexity;
import io.calidrop.gguf.GgufFile;
import io.calidrop.tensor.CpuTopology;
import io.calidrop.tokenizer.Tokenizer;
import io.calidrop.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Gemma 3 270M, whose layers see 512 tokens but for every sixth, against llama.cpp. */
class Gemma3Test {
  /** A gap between the two best logits that 8-bit activations do not overturn. */
  private static final double CLEAR_GAP = 0.5;

  private static final int CONTEXT = 1024;

  private static final JsonNode REFERENCE = TestData.reference("gemma3-270m.json");

  private static Transformer load(GgufFile file) {
    return ModelLoader.load(file, new LoadOptions(CpuTopology.usableCores(), false));
  }

  @Test
  void textsHaveTheSameTokens() {
    try (GgufFile file = GgufFile.open(TestData.gemma3())) {
      Tokenizer tokenizer = Tokenizers.from(file.metadata());
      for (JsonNode entry : REFERENCE.get("tokens")) {
        String text = entry.get("text").textValue();
        assertThat(withBos(tokenizer, tokenizer.encode(text, false)))
            .as(text)
            .isEqualTo(TestData.ints(entry.get("tokens")));
        assertThat(withBos(tokenizer, tokenizer.encode(text, true)))
            .as(text)
            .isEqualTo(TestData.ints(entry.get("tokens_special")));
      }
    }
  }

  private static int[] withBos(Tokenizer tokenizer, int[] tokens) {
    assertThat(tokenizer.addsBos()).isTrue();
    int[] all = new int[tokens.length + 1];
    all[0] = tokenizer.bos();
    System.arraycopy(tokens, 0, all, 1, tokens.length);
    return all;
  }

  @Test
  void greedyTokensAgreeWhereTheyAreClear() {
    try (GgufFile file = GgufFile.open(TestData.gemma3());
        Transformer model = load(file)) {
      for (JsonNode prompt : REFERENCE.get("greedy")) {
        String name = prompt.get("prompt").textValue();
        int[] tokens = TestData.ints(prompt.get("prompt_tokens"));
        InferenceSession session = model.newSession(64, KvType.F32);
        float[] logits = model.forward(session, tokens, 0, tokens.length, true);
        double divergence = SmolLm2Test.divergence(prompt.get("top_logits"), logits);
        assertThat(divergence).as(name).isLessThan(0.02);
        for (JsonNode best : prompt.get("greedy")) {
          if (best.get(1).doubleValue() < CLEAR_GAP) {
            break;
          }
          int token = best.get(0).intValue();
          for (float other : logits) {
            assertThat(other).as(name).isLessThanOrEqualTo(logits[token]);
          }
          logits = model.forward(session, new int[] {token}, 0, 1, true);
        }
      }
    }
  }

  @Test
  void perplexityPastTheWindow() throws IOException {
    try (GgufFile file = GgufFile.open(TestData.gemma3());
        Transformer model = load(file)) {
      JsonNode expected = REFERENCE.get("past_window");
      byte[] bytes = Files.readAllBytes(TestData.shared("eval/wikitext-2-raw-test.txt"));
      String text =
          new String(
              bytes, 0, expected.get("text_bytes").get(1).intValue(), StandardCharsets.UTF_8);
      Tokenizer tokenizer = Tokenizers.from(file.metadata());
      int[] tokens =
          Arrays.copyOf(
              withBos(tokenizer, tokenizer.encode(text, false)), expected.get("tokens").intValue());
      int[] first = TestData.ints(expected.get("first_tokens"));
      assertThat(Arrays.copyOf(tokens, first.length)).isEqualTo(first);
      Perplexity perplexity = new Perplexity(model, CacheOptions.full(KvType.F32), -1, 512);
      perplexity.add(perplexity.measure(tokens));
      assertThat(perplexity.value())
          .isCloseTo(expected.get("perplexity").doubleValue(), withinPercentage(1));
    }
  }

  @Test
  void everyPolicyAndCalibrationKeepsItsPromises() {
    int[] tokens = new Random(3).ints(620, 1000, 200_000).toArray();
    CacheBudget budget = new CacheBudget(96, 4, 32, 32, Compress.ONCE, Positions.REBASE);
    try (GgufFile file = GgufFile.open(TestData.gemma3());
        Transformer model = load(file)) {
      AttendedPrompt prompt =
          model.record(CONTEXT, tokens, 0, 600, KvTypes.of(KvType.F16), 32, 128, true);
      for (String policy : EvictionPolicies.names()) {
        for (CacheOptions options :
            CacheForms.of(
                KvTypes.of(KvType.F16),
                budget,
                EvictionPolicies.named(policy),
                CalibrationOptions.fold(16, 128, 32))) {
          try (InferenceSession session = model.newSession(CONTEXT, options)) {
            model.adopt(session, prompt);
            assertThat(session.statistics().kept()).as(policy).isEqualTo(96);
            try (InferenceSession fork = model.fork(session)) {
              float[] logits = model.forward(session, tokens, 600, 606, true);
              model.forward(fork, tokens, 600, 601, false);
              assertThat(model.forward(fork, tokens, 601, 606, true))
                  .as("%s", options)
                  .isEqualTo(logits);
              assertThat(Float.isFinite(logits[0])).isTrue();
            }
          }
        }
      }
    }
  }
}
