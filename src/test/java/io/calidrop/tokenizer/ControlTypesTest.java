package io.calidrop.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.gguf.GgufFile;
import io.calidrop.gguf.GgufWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Row 12 of the cases: control tokens that the file gives another type. */
class ControlTypesTest {
  private static final int NORMAL = 1;
  private static final int USER_DEFINED = 4;

  @TempDir private Path directory;

  /** Printable ASCII, spelt as itself, then {@code more}; the last of which ends a text. */
  private Tokenizer tokenizer(int type, String... more) throws IOException {
    List<String> tokens = new ArrayList<>();
    for (char c = '!'; c <= '~'; c++) {
      tokens.add(String.valueOf(c));
    }
    List<Integer> types = new ArrayList<>(Collections.nCopies(tokens.size(), NORMAL));
    tokens.addAll(List.of(more));
    types.addAll(Collections.nCopies(more.length, type));
    Path path = directory.resolve("vocabulary.gguf");
    new GgufWriter()
        .put("tokenizer.ggml.model", "gpt2")
        .put("tokenizer.ggml.pre", "gpt-2")
        .put("tokenizer.ggml.tokens", tokens)
        .put("tokenizer.ggml.token_type", types)
        .put("tokenizer.ggml.merges", List.of("a b"))
        .put("tokenizer.ggml.eos_token_id", tokens.size() - 1)
        .write(path);
    try (GgufFile file = GgufFile.open(path)) {
      return Tokenizers.from(file.metadata());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "<|im_start|>",
        "<|im_end|>",
        "<|eot_id|>",
        "<|end|>",
        "<|endoftext|>",
        "<|START_OF_TURN_TOKEN|>",
        "<｜Assistant｜>",
        "<｜end▁of▁sentence｜>",
        "<start_of_turn>",
        "<end_of_turn>",
        "<turn|>",
        "[INST]"
      })
  void row12NamesOfControlTokensAreControl(String name) throws IOException {
    for (int type : new int[] {NORMAL, USER_DEFINED}) {
      Tokenizer tokenizer = tokenizer(type, name, "!eos");
      int token = tokenizer.vocabularySize() - 2;
      assertThat(tokenizer.isControl(token)).isTrue();
      assertThat(tokenizer.encode("a" + name + "b", true)).hasSize(3).contains(token);
      assertThat(tokenizer.encode("a" + name + "b", false)).doesNotContain(token);
      assertThat(tokenizer.decode(token)).isEmpty();
      assertThat(tokenizer.notices())
          .containsExactly("the file calls " + name + " ordinary text: taken as control tokens");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "</s>",
        "<s>",
        "<|>",
        "<||>",
        "<|||>",
        "<p>",
        "<b>",
        "<think>",
        "</think>",
        "<tool_call>",
        "im_end",
        "|end|",
        "<end>",
        "[x]",
        "[/",
        "<|a|b|>",
        "<|a"
      })
  void row12WordsStayWords(String word) throws IOException {
    for (int type : new int[] {NORMAL, USER_DEFINED}) {
      Tokenizer tokenizer = tokenizer(type, word, "!eos");
      assertThat(tokenizer.isControl(tokenizer.vocabularySize() - 2)).isFalse();
      assertThat(tokenizer.notices()).isEmpty();
    }
  }

  @Test
  void row12TheFilesOwnEndIsControlIfItLooksThePart() throws IOException {
    Tokenizer tokenizer = tokenizer(NORMAL, "</s>");
    int eos = tokenizer.eos();
    assertThat(tokenizer.encode("a</s>", true)).endsWith(eos);
    assertThat(tokenizer.encode("a</s>", false)).doesNotContain(eos);
    assertThat(tokenizer.notices()).singleElement().asString().contains(" </s> ");

    Tokenizer odd = tokenizer(NORMAL, "Ċ"); // a line break ends the text, and is one
    assertThat(odd.notices()).isEmpty();
    assertThat(odd.decode(odd.eos())).isEqualTo("\n");
  }

  @Test
  void row12ManyNamesAreALine() throws IOException {
    assertThat(
            tokenizer(NORMAL, "<|a|>", "<|b|>", "<|c|>", "<|d|>", "<|e|>", "<|f|>", "<|g|>")
                .notices())
        .containsExactly(
            "the file calls <|a|> <|b|> <|c|> <|d|> <|e|> and 2 more ordinary text:"
                + " taken as control tokens");
  }
}
