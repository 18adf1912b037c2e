package io.calidrop.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import io.calidrop.TestData;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.KvType;
import io.calidrop.gguf.GgufFile;
import io.calidrop.model.LoadOptions;
import io.calidrop.model.ModelLoader;
import io.calidrop.model.Transformer;
import io.calidrop.tensor.CpuTopology;
import io.calidrop.tokenizer.Tokenizer;
import io.calidrop.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Perplexity of the real model against the reference: the second half of windows of 512 tokens. */
class PerplexityTest {

  @Test
  void exactPathWithinATenthOfAPercent() throws IOException {
    check(true, KvType.F32, 1, 0.1);
  }

  @Test
  void quantisedActivationsWithinOnePercent() throws IOException {
    check(false, KvType.F16, 4, 1);
  }

  @Test
  void quantisedCacheWithinOnePercent() throws IOException {
    check(false, KvType.Q8_0, 2, 1);
  }

  private static void check(boolean exact, KvType kvType, int windows, double percent)
      throws IOException {
    try (GgufFile file = GgufFile.open(TestData.smolLm2());
        Transformer model =
            ModelLoader.load(file, new LoadOptions(CpuTopology.usableCores(), exact))) {
      Tokenizer tokenizer = Tokenizers.from(file.metadata());
      for (JsonNode text : TestData.sharedJson("reference/smollm2-perplexity.json")) {
        String name = text.get("file").textValue();
        String content = Files.readString(TestData.shared("eval/" + name));
        int first = text.get("first_token").intValue();
        int[] tokens = tokenizer.encode(content, false);
        assertThat(Arrays.copyOfRange(tokens, first, first + 8))
            .isEqualTo(TestData.ints(text.get("first_tokens")));
        int window = text.get("window").intValue();
        CacheOptions cache = CacheOptions.full(kvType);
        Perplexity perplexity = new Perplexity(model, cache, -1, window / 2);
        for (int w = 0; w < windows; w++) {
          int from = first + w * window;
          perplexity.add(perplexity.measure(Arrays.copyOfRange(tokens, from, from + window)));
          assertThat(perplexity.value())
              .as("%s from token %d, window %d", name, first, w)
              .isCloseTo(
                  text.get("cumulative_perplexity").get(w).doubleValue(),
                  withinPercentage(percent));
        }
      }
    }
  }
}
