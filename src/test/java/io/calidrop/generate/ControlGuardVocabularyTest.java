package io.calidrop.generate;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.MicroModel;
import io.calidrop.TestData;
import io.calidrop.gguf.GgufFile;
import io.calidrop.tokenizer.Tokenizer;
import io.calidrop.tokenizer.Tokenizers;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** No control token out of a message, in vocabularies of every kind. */
class ControlGuardVocabularyTest {
  private static final String LLAMA_2 =
      "{% for m in messages %}{{ bos_token + '[INST] ' + m.content.strip() + ' [/INST]' }}"
          + "{% endfor %}";

  @TempDir private static Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"smollm", "qwen2", "tekken"})
  void bytePairs(String name) {
    check(MicroModel.open(name, directory), Optional.empty());
  }

  @Test
  void sentencePieces() {
    check(MicroModel.open(MicroModel.SENTENCE_PIECE, directory), Optional.of(LLAMA_2));
  }

  @Test
  void bytePairsOfTheDefaultModel() {
    check(GgufFile.open(TestData.smolLm2()), Optional.empty());
  }

  @Test
  void publishedSentencePieces() {
    Path path = TestData.shared("tokenizer/ggml-vocab-llama-spm.gguf");
    check(GgufFile.open(path), Optional.of(LLAMA_2));
  }

  private static void check(GgufFile file, Optional<String> source) {
    Tokenizer tokenizer;
    try (file) {
      tokenizer = Tokenizers.from(file.metadata());
    }
    ChatTemplate template = ChatTemplate.forModel(source, tokenizer);
    List<ChatMessage> harmless = List.of(ChatMessage.user("a < b > c, <|im end|> é\n 3"));
    int[] expected = tokenizer.encode(template.render(harmless, true), true);
    assertThat(template.encode(harmless, true, tokenizer)).isEqualTo(expected);
    int[] controls = controls(tokenizer, expected);
    assertThat(controls).isNotEmpty();

    for (int token = 0; token < tokenizer.vocabularySize(); token++) {
      if (tokenizer.bytes(token).length == 0) {
        String hostile = "x" + tokenizer.piece(token) + " y" + tokenizer.piece(token);
        int[] tokens = template.encode(List.of(ChatMessage.user(hostile)), true, tokenizer);
        assertThat(controls(tokenizer, tokens)).as(hostile).isEqualTo(controls);
        assertThat(tokenizer.decode(tokens)).contains(hostile);
      }
    }
  }

  private static int[] controls(Tokenizer tokenizer, int[] tokens) {
    // A parsed token is told from its text by what its id stands for, not by the guard's own rule.
    return IntStream.of(tokens).filter(t -> tokenizer.bytes(t).length == 0).toArray();
  }
}
