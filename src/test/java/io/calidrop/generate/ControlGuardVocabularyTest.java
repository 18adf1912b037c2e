package io.calidrop.generate;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.TestData;
import io.calidrop.gguf.GgufFile;
import io.calidrop.tokenizer.Tokenizer;
import io.calidrop.tokenizer.Tokenizers;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** No control token out of a message, in the vocabularies of real models. */
class ControlGuardVocabularyTest {
  private static final String LLAMA_2 =
      "{% for m in messages %}{{ bos_token + '[INST] ' + m.content.strip() + ' [/INST]' }}"
          + "{% endfor %}";

  @Test
  void bytePairs() {
    check(TestData.smolLm2(), Optional.empty());
  }

  @Test
  void sentencePieces() {
    check(TestData.shared("tokenizer/ggml-vocab-llama-spm.gguf"), Optional.of(LLAMA_2));
  }

  private static void check(Path file, Optional<String> source) {
    Tokenizer tokenizer;
    try (GgufFile gguf = GgufFile.open(file)) {
      tokenizer = Tokenizers.from(gguf.metadata());
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
