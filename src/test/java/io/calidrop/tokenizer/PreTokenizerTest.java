package io.calidrop.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calidrop.gguf.ModelFormatException;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * How each family cuts text, against the published expressions in another engine (Python's {@code
 * regex} module).
 */
class PreTokenizerTest {
  private static final int LONG = 300_000; // squared, some minutes
  private static final Duration MINUTE = Duration.ofMinutes(1);

  private static JsonNode reference() throws IOException {
    try (InputStream in = PreTokenizerTest.class.getResourceAsStream("pre-tokenizers.json")) {
      return new ObjectMapper().readTree(in);
    }
  }

  static List<String> names() {
    return PreTokenizerFamily.names();
  }

  /** One name of each set of expressions. */
  static List<String> families() throws IOException {
    List<String> families = new ArrayList<>();
    reference().get("pieces").fieldNames().forEachRemaining(families::add);
    return families;
  }

  private static List<String> split(String name, String text) {
    List<String> pieces = new ArrayList<>();
    int start = 0;
    for (int end : PreTokenizer.of(name).split(text, 0, text.length())) {
      pieces.add(text.substring(start, end));
      start = end;
    }
    assertThat(start).isEqualTo(text.length());
    return pieces;
  }

  @ParameterizedTest
  @MethodSource("families")
  void cutsAsThePublishedExpressionsDo(String family) throws IOException {
    JsonNode reference = reference();
    JsonNode expected = reference.get("pieces").get(family);
    for (int i = 0; i < reference.get("texts").size(); i++) {
      List<String> pieces = new ArrayList<>();
      expected.get(i).forEach(piece -> pieces.add(piece.textValue()));
      String text = reference.get("texts").get(i).textValue();
      assertThat(split(family, text)).as(text).isEqualTo(pieces);
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void everyNameHasExpressionsWithAReference(String name) throws IOException {
    List<PreTokenizerFamily.Pass> passes = PreTokenizerFamily.of(name).passes();
    assertThat(families()).anyMatch(f -> PreTokenizerFamily.of(f).passes().equals(passes));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "smaug-bpe",
        "dbrx",
        "falcon3",
        "pixtral",
        "lfm2",
        "gpt-4o",
        "llama4",
        "kimi-k2",
        "superbpe",
        "olmo",
        "mpt",
        "command-r",
        "qwen35",
        "chatglm-bpe",
        "viking",
        "jais",
        "poro-chat",
        "bloom",
        "exaone",
        "hunyuan",
        "seed-coder",
        "trillion",
        "granite-docling",
        "minimax-m2",
        "deepseek-v3",
        "deepseek-r1-qwen",
        "stablelm2",
        "glm4"
      })
  void knowsTheNamesOfFiles(String name) {
    assertThat(split(name, "one two")).isNotEmpty();
  }

  @Test
  void namesAreUnique() {
    assertThat(names()).doesNotHaveDuplicates();
  }

  @Test
  void knowsWhatElseGoesWithAName() {
    assertThat(names().stream().filter(name -> PreTokenizer.of(name).ignoresMerges()))
        .contains("llama-bpe", "falcon3", "tekken", "glm4", "youtu")
        .doesNotContain("smaug-bpe", "dbrx", "qwen2", "gpt-4o", "chatglm-bpe");
    assertThat(names().stream().filter(name -> PreTokenizer.of(name).addsBos()))
        .contains("llama-bpe", "pixtral", "tekken", "chameleon", "gemma4")
        .doesNotContain("smaug-bpe", "glm4", "qwen2", "command-r");
    assertThat(names().stream().filter(name -> !PreTokenizer.of(name).isByteLevel()))
        .containsExactly("gemma4", "granite-embed-multi-311m", "sarvam-moe");
  }

  /** Long runs of one thing, and what may follow: neither quadratic nor deep in the stack. */
  @ParameterizedTest
  @MethodSource("families")
  void aLongTextIsCutInLinearTime(String family) {
    PreTokenizer preTokenizer = PreTokenizer.of(family);
    for (String unit : List.of("A", "7", " ", "a ", "\u0301")) {
      for (String end : List.of("7", "x")) {
        String text = unit.repeat(LONG / unit.length()) + end;
        List<Integer> ends =
            assertTimeoutPreemptively(
                MINUTE, () -> preTokenizer.split(text, 0, text.length()), unit + end);
        assertThat(ends.getLast()).isEqualTo(text.length());
      }
    }
  }

  @Test
  void anUnknownNameIsRefusedWithTheList() {
    assertThatThrownBy(() -> PreTokenizer.of("klingon"))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageStartingWith("pre-tokenizer klingon is not supported; supported: default, gpt-2")
        .hasMessageContaining("smaug-bpe");
  }
}
