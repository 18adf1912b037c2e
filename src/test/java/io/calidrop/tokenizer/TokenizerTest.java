package io.calidrop.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.calidrop.MicroModel;
import io.calidrop.gguf.GgufBytes;
import io.calidrop.gguf.GgufFile;
import io.calidrop.gguf.ModelFormatException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tokenizers over vocabularies made here. */
class TokenizerTest {
  private static final int CONTROL = 3;
  private static final int USER_DEFINED = 4;

  @TempDir private Path directory;

  /** All bytes, random merges of them, a control token and a user-defined one. */
  private Tokenizer random(Random random, String preTokenizer, List<String> merges)
      throws IOException {
    List<String> tokens = new ArrayList<>();
    for (int b = 0; b < 256; b++) {
      tokens.add(String.valueOf(ByteAlphabet.character((byte) b)));
    }
    List<String> parts = new ArrayList<>(List.of("a", "b", "c", "Ġ"));
    for (int i = 0; i < 60; i++) {
      String left = parts.get(random.nextInt(parts.size()));
      String right = parts.get(random.nextInt(parts.size()));
      if (!tokens.contains(left + right)) {
        tokens.add(left + right);
        parts.add(left + right);
        merges.add(left + " " + right);
      }
    }
    tokens.add("<|end|>");
    tokens.add("<tool>");
    int[] types = IntStream.range(0, tokens.size()).map(i -> 1).toArray();
    types[tokens.size() - 2] = CONTROL;
    types[tokens.size() - 1] = USER_DEFINED;
    return bytePair(preTokenizer, tokens, types, merges);
  }

  private Tokenizer bytePair(
      String preTokenizer, List<String> tokens, int[] types, List<String> merges)
      throws IOException {
    GgufBytes file = GgufBytes.header(3, 0, 5);
    file.text("tokenizer.ggml.model", "gpt2").text("tokenizer.ggml.pre", preTokenizer);
    strings(file, "tokenizer.ggml.tokens", tokens);
    strings(file, "tokenizer.ggml.merges", merges);
    file.key("tokenizer.ggml.token_type", 9).int32(5).int64(types.length);
    for (int type : types) {
      file.int32(type);
    }
    return open(file);
  }

  private static void strings(GgufBytes file, String key, List<String> values) {
    file.key(key, 9).int32(8).int64(values.size());
    values.forEach(file::string);
  }

  private Tokenizer open(GgufBytes file) throws IOException {
    try (GgufFile gguf =
        GgufFile.open(file.align(32).write(directory.resolve("vocabulary.gguf")))) {
      return Tokenizers.from(gguf.metadata());
    }
  }

  @Test
  void mergesAsTheDefinitionDoes() throws IOException {
    Random random = new Random(3);
    for (int round = 0; round < 30; round++) {
      List<String> merges = new ArrayList<>();
      Tokenizer tokenizer = random(random, "gpt-2", merges);
      for (int i = 0; i < 40; i++) {
        StringBuilder word = new StringBuilder();
        for (int n = random.nextInt(30); n >= 0; n--) {
          word.append((char) ('a' + random.nextInt(3)));
        }
        List<String> pieces =
            IntStream.of(tokenizer.encode(word.toString(), false))
                .mapToObj(tokenizer::piece)
                .toList();
        assertThat(pieces).as(word.toString()).isEqualTo(naive(word.toString(), merges));
      }
    }
  }

  /** Merges the leftmost pair of the lowest rank until there is none: quadratic, and plain. */
  private static List<String> naive(String word, List<String> merges) {
    Map<String, Integer> ranks = new HashMap<>();
    merges.forEach(merge -> ranks.putIfAbsent(merge, ranks.size()));
    List<String> pieces = new ArrayList<>(List.of(word.split("")));
    while (true) {
      int best = -1;
      int bestRank = Integer.MAX_VALUE;
      for (int i = 0; i + 1 < pieces.size(); i++) {
        int rank = ranks.getOrDefault(pieces.get(i) + " " + pieces.get(i + 1), Integer.MAX_VALUE);
        if (rank < bestRank) {
          bestRank = rank;
          best = i;
        }
      }
      if (best < 0) {
        return pieces;
      }
      pieces.set(best, pieces.get(best) + pieces.remove(best + 1));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "smollm",
        "llama-bpe",
        "gpt-2",
        "qwen2",
        "tekken",
        "deepseek-llm",
        "deepseek-coder",
        "starcoder",
        "refact",
        "falcon",
        "superbpe",
        "default"
      })
  void everyTextComesBack(String preTokenizer) throws IOException {
    Random random = new Random(11);
    Tokenizer tokenizer = random(random, preTokenizer, new ArrayList<>());
    String alphabet = "abcABC 019'\t\n\r.,!?-_/<>|«»äßÉ漢字かな한글🦙\u200D\u0301 \u00A0";
    int[] points = alphabet.codePoints().toArray();
    for (int i = 0; i < 200; i++) {
      StringBuilder text = new StringBuilder();
      for (int n = random.nextInt(40); n > 0; n--) {
        text.appendCodePoint(points[random.nextInt(points.length)]);
      }
      String string = text.toString();
      assertThat(tokenizer.decode(tokenizer.encode(string, false))).isEqualTo(string);
    }
  }

  @Test
  void specialTokensAreParsedWhereAskedFor() throws IOException {
    Tokenizer tokenizer = random(new Random(1), "gpt-2", new ArrayList<>());
    int control = tokenizer.vocabularySize() - 2;
    int tool = tokenizer.vocabularySize() - 1;
    assertThat(tokenizer.encode("<|end|><tool>", true)).containsExactly(control, tool);
    assertThat(tokenizer.encode("<|end|><tool>", false)).doesNotContain(control).contains(tool);
    assertThat(tokenizer.decode(control, tool)).isEqualTo("<tool>");
    assertThat(tokenizer.endTokens()).containsExactly(control);
    assertThat(tokenizer.addsBos()).isFalse();
    assertThatThrownBy(() -> tokenizer.piece(9999))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("token 9999 is not in the vocabulary of");
  }

  @ParameterizedTest
  @ValueSource(strings = {"a", " ", "\n", "é", "🦙", "a "})
  void aMegabyteOfOneThingTakesNoQuadraticTime(String unit) throws IOException {
    for (String preTokenizer : List.of("gpt-2", "llama-bpe", "tekken", "deepseek-llm", "default")) {
      Tokenizer tokenizer = random(new Random(2), preTokenizer, new ArrayList<>());
      String text = unit.repeat(1_000_000 / unit.getBytes(StandardCharsets.UTF_8).length);
      assertThat(tokenizer.decode(tokenizer.encode(text, true)).equals(text)).isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"a", " ", "漢"})
  void sentencePieceTakesNoQuadraticTimeEither(String unit) {
    try (GgufFile file = MicroModel.open(MicroModel.SENTENCE_PIECE, directory)) {
      Tokenizer tokenizer = Tokenizers.from(file.metadata());
      String text = unit.repeat(300_000);
      assertThat(tokenizer.decode(tokenizer.encode(text, true)).equals(" " + text)).isTrue();
      assertThat(tokenizer.encodeWithBos("hi")[0]).isEqualTo(tokenizer.bos()).isEqualTo(1);
    }
  }

  /** Gemma 4's kind: spaces are U+2581, lines are words, bytes stand in for what is missing. */
  @Test
  void spellsTextAsItIsWhereTheFamilyDoes() throws IOException {
    List<String> tokens =
        List.of("<bos>", "a", "b", "▁", "\n", "▁a", "ab", "\n\n", "▁▁", "<0xC3>", "<0xA9>", "▁ab");
    List<String> merges = List.of("\n \n", "▁ ▁", "▁ a", "▁a b", "a b", "\n a");
    GgufBytes file = GgufBytes.header(3, 0, 5).text("tokenizer.ggml.model", "gemma4");
    strings(file, "tokenizer.ggml.tokens", tokens);
    strings(file, "tokenizer.ggml.merges", merges);
    file.number("tokenizer.ggml.bos_token_id", 0);
    file.key("tokenizer.ggml.token_type", 9).int32(5).int64(tokens.size());
    for (String token : tokens) {
      file.int32(token.startsWith("<0x") ? 6 : token.equals("<bos>") ? CONTROL : 1);
    }
    Tokenizer tokenizer = open(file);
    assertThat(tokenizer.encodeWithBos("ab ab  a")).containsExactly(0, 6, 11, 8, 1);
    assertThat(tokenizer.encode("\n\n\na\n é", true)).containsExactly(7, 4, 1, 4, 3, 9, 10);
    assertThat(tokenizer.decode(6, 11, 8, 1, 7, 9, 10)).isEqualTo("ab ab  a\n\né");
    assertThat(tokenizer.notices()).isEmpty();
  }

  @Test
  void aFileWithoutAPreTokenizerIsWarnedOf() throws IOException {
    GgufBytes file = GgufBytes.header(3, 0, 3).text("tokenizer.ggml.model", "gpt2");
    strings(file, "tokenizer.ggml.tokens", List.of("a", "1", "11", "111"));
    strings(file, "tokenizer.ggml.merges", List.of("1 1", "11 1"));
    Tokenizer tokenizer = open(file);
    assertThat(tokenizer.encode("a1111", true)).containsExactly(0, 3, 1);
    assertThat(tokenizer.notices())
        .containsExactly(
            "the file does not say how it cuts text into words (tokenizer.ggml.pre): taken as"
                + " default, which may be wrong");
    assertThat(random(new Random(1), "default", new ArrayList<>()).notices())
        .noneMatch(notice -> notice.contains("tokenizer.ggml.pre"));
  }

  @Test
  void refusesWhatIsInconsistent() {
    assertThatThrownBy(() -> random(new Random(1), "klingon", new ArrayList<>()))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("pre-tokenizer klingon is not supported; supported: default, gpt-2");
    assertThatThrownBy(() -> bytePair("gpt-2", List.of("a", "b"), new int[] {1}, List.of()))
        .isInstanceOf(ModelFormatException.class)
        .hasMessage("tokenizer.ggml.token_type has 1 entries for 2 tokens");
    assertThatThrownBy(() -> open(GgufBytes.header(3, 0, 1).text("tokenizer.ggml.model", "bert")))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("tokenizer model bert is not supported");
    assertThatThrownBy(() -> open(GgufBytes.header(3, 0, 1).text("tokenizer.ggml.model", "gpt2")))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("lacks the metadata key tokenizer.ggml.tokens");
  }

  @Test
  void decodesBytesIncrementally() {
    Utf8Decoder decoder = new Utf8Decoder();
    byte[] bytes = "aé🦙".getBytes(StandardCharsets.UTF_8);
    StringBuilder text = new StringBuilder();
    for (byte b : bytes) {
      text.append(decoder.append(new byte[] {b}));
      assertThat(text.toString()).doesNotContain("\uFFFD");
    }
    assertThat(text.toString()).isEqualTo("aé🦙");
    assertThat(decoder.append(new byte[] {(byte) 0xf0, (byte) 0x9f})).isEmpty();
    assertThat(decoder.flush()).isEqualTo("\uFFFD");
    assertThat(decoder.append(new byte[] {'x', (byte) 0xff, 'y'})).isEqualTo("x\uFFFDy");
    assertThat(decoder.flush()).isEmpty();
  }
}
