package io.calidrop.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.calidrop.MicroModel;
import io.calidrop.TestData;
import io.calidrop.gguf.GgufFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Tokens against those of the reference tokenizers. */
class TokenizerReferenceTest {
  @TempDir private static Path directory;

  static Stream<String> littleOnes() {
    return Stream.concat(MicroModel.PRE_TOKENIZERS.stream(), Stream.of(MicroModel.SENTENCE_PIECE));
  }

  @ParameterizedTest
  @MethodSource("littleOnes")
  void littleVocabulariesAreThoseOfLlamaCpp(String name) {
    JsonNode reference = TestData.reference("tokens.json");
    JsonNode expected = reference.get("vocabularies").get(name);
    try (GgufFile file = MicroModel.open(name, directory)) {
      Tokenizer tokenizer = Tokenizers.from(file.metadata());
      for (int i = 0; i < reference.get("texts").size(); i++) {
        String text = reference.get("texts").get(i).textValue();
        JsonNode plain = expected.get("plain").get(i);
        JsonNode special = expected.get("special").path(Integer.toString(i));
        assertThat(tokenizer.encode(text, false)).as(text).isEqualTo(TestData.ints(plain));
        assertThat(tokenizer.encode(text, true))
            .as(text)
            .isEqualTo(TestData.ints(special.isMissingNode() ? plain : special));
      }
    }
  }

  @Test
  void smolLm2TokensAreExact() {
    try (GgufFile file = GgufFile.open(TestData.smolLm2())) {
      Tokenizer tokenizer = Tokenizers.from(file.metadata());
      for (JsonNode text : TestData.reference("smollm2-tokens.json")) {
        String string = text.get("text").textValue();
        int[] expected = TestData.ints(text.get("tokens_special"));
        assertThat(tokenizer.encode(string, true)).as(string).isEqualTo(expected);
        // The reference parsed special tokens always; unparsed they are characters like any others.
        if (IntStream.of(expected).noneMatch(tokenizer::isControl)) {
          assertThat(tokenizer.encode(string, false)).as(string).isEqualTo(expected);
        }
        assertThat(tokenizer.decode(tokenizer.encode(string, false))).isEqualTo(string);
      }
    }
  }

  /** Those with texts beside them. */
  static List<Path> vocabularies() throws IOException {
    try (Stream<Path> files = Files.list(TestData.shared("tokenizer"))) {
      return files
          .filter(file -> file.toString().endsWith(".gguf"))
          .filter(file -> Files.exists(Path.of(file + ".inp")))
          .sorted()
          .toList();
    }
  }

  @ParameterizedTest
  @MethodSource("vocabularies")
  void vocabularyFilesAreExact(Path path) throws IOException {
    String[] texts = Files.readString(Path.of(path + ".inp")).split("\n__ggml_vocab_test__\n", -1);
    String[] expected = Files.readString(Path.of(path + ".out")).split("\n", -1);
    try (GgufFile file = GgufFile.open(path)) {
      Tokenizer tokenizer = Tokenizers.from(file.metadata());
      for (int i = 0; i < texts.length; i++) {
        int[] tokens =
            Arrays.stream(expected[i].trim().split("\\s+"))
                .filter(token -> !token.isEmpty())
                .mapToInt(Integer::parseInt)
                .toArray();
        assertThat(tokenizer.encode(texts[i], false)).as(texts[i]).isEqualTo(tokens);
      }
    }
  }
}
