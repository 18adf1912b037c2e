package io.calidrop.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calidrop.attention.KvType;
import io.calidrop.bench.RandomModel;
import io.calidrop.gguf.GgufCopy;
import io.calidrop.gguf.GgufFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Row 11 of the cases: an embedding with more rows than the vocabulary has tokens. */
class VocabularyPaddingTest {
  private static final int[] TOKENS = {3, 1, 4, 1, 5};
  private static final int VOCABULARY = 30; // no multiple of the rows that are computed together

  @TempDir private Path directory;

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void row11PaddingRowsHaveNoLogits(boolean exact) throws IOException {
    Path whole = directory.resolve("whole.gguf");
    new RandomModel(RandomModel.Shape.STINY, RandomModel.Mix.Q8_0).write(whole);
    Path padded = directory.resolve("padded.gguf");
    GgufCopy.write(
        whole,
        padded,
        Map.of(
            "tokenizer.ggml.tokens", Collections.nCopies(VOCABULARY, "t"),
            "tokenizer.ggml.token_type", Collections.nCopies(VOCABULARY, 1)));
    float[] all = logits(whole, exact);
    assertThat(all).hasSizeGreaterThan(VOCABULARY);
    assertThat(logits(padded, exact)).isEqualTo(Arrays.copyOf(all, VOCABULARY));
  }

  private static float[] logits(Path path, boolean exact) {
    try (GgufFile file = GgufFile.open(path);
        Transformer model = ModelLoader.load(file, new LoadOptions(1, exact));
        InferenceSession session = model.newSession(16, KvType.F32)) {
      int beyond = model.config().vocabulary();
      assertThatThrownBy(() -> model.forward(session, new int[] {beyond}, 0, 1, true))
          .hasMessage("token %d is not in the vocabulary of %d".formatted(beyond, beyond));
      return model.forward(session, TOKENS, 0, TOKENS.length, true).clone();
    }
  }
}
