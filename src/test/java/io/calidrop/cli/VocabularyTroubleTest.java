package io.calidrop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calidrop.bench.RandomModel;
import io.calidrop.gguf.GgufCopy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models whose vocabulary does not fit: rows 11 and 12 of the cases. */
class VocabularyTroubleTest {
  private static final String TEMPLATE =
      "{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}<|im_start|>";

  @TempDir private Path directory;
  private Path model;

  @BeforeEach
  void writeModel() throws IOException {
    model = directory.resolve("model.gguf"); // 384 rows, of which each test names some
    new RandomModel(RandomModel.Shape.STINY, RandomModel.Mix.F32).write(model);
  }

  /** All characters of Latin-1 that spell a byte as itself, then what is given, of these types. */
  private Path copy(List<String> more, int type, Map<String, Object> changes) throws IOException {
    List<String> tokens = new ArrayList<>();
    for (char c = '!'; c <= '~'; c++) {
      tokens.add(String.valueOf(c));
    }
    tokens.add("Ġ");
    List<Integer> types = new ArrayList<>(tokens.stream().map(token -> 1).toList());
    tokens.addAll(more);
    more.forEach(token -> types.add(type));
    Map<String, Object> all = new HashMap<>(changes);
    all.put("tokenizer.ggml.tokens", tokens);
    all.put("tokenizer.ggml.token_type", types);
    all.put("tokenizer.ggml.merges", List.of("a b"));
    all.put("tokenizer.chat_template", TEMPLATE);
    Path copy = directory.resolve("copy.gguf");
    GgufCopy.write(model, copy, all);
    return copy;
  }

  private static Outcome run(Path model, String... args) {
    List<String> all = new ArrayList<>(List.of(args));
    all.addAll(List.of("--model", model.toString(), "--threads", "1"));
    return Outcome.of("", true, all.toArray(String[]::new));
  }

  @Test
  void row11PaddingRowsAreNeverSampled() throws IOException {
    Path padded = copy(List.of(), 1, Map.of());
    Outcome hot =
        run(
            padded, "run", "--raw", "-p", "hi", "-n", "150", "--temp", "50", "--top-p", "1",
            "--seed", "1");
    assertThat(hot.code()).as(hot.err()).isZero();
    assertThat(hot.err()).contains("generated ").hasLineCount(1);
    assertThat(run(padded, "run", "-p", "hi", "-n", "20", "--temp", "0").code()).isZero();

    Path prompts = Files.writeString(directory.resolve("in.txt"), "one\ntwo\nthree\n");
    Path results = directory.resolve("out.jsonl");
    Outcome batch = run(padded, "batch", "--in", prompts + "", "--out", results + "", "-n", "40");
    assertThat(batch.code()).as(batch.err()).isZero();
    assertThat(Files.readAllLines(results))
        .hasSize(3)
        .allMatch(line -> line.contains("\"error\":null"));
  }

  @Test
  void row11FewerRowsThanTokensAreRefusedAtOnce() throws IOException {
    List<String> many = new ArrayList<>();
    for (int i = 0; i < 300; i++) {
      many.add("more" + i);
    }
    Path short_ = copy(many, 1, Map.of());
    String problem =
        "tensor token_embd.weight has 384 rows for a vocabulary of 395 tokens: convert the model"
            + " again";
    Outcome outcome = run(short_, "run", "-p", "hi");
    assertThat(outcome.code()).isEqualTo(ExitCode.ERROR);
    assertThat(outcome.err()).isEqualTo("calidrop: " + short_ + ": " + problem + "\n");
    Outcome inspection = Outcome.of("", true, "inspect", short_.toString());
    assertThat(inspection.out()).endsWith("not supported:\n  " + problem + "\n");
  }

  @Test
  void row11AnEndBeyondTheVocabularyIsRefusedAtOnce() throws IOException {
    Path copy = copy(List.of(), 1, Map.of("tokenizer.ggml.eos_token_id", 319));
    String problem =
        "metadata key tokenizer.ggml.eos_token_id is 319, no token of the 95 in the vocabulary";
    Outcome outcome = run(copy, "run", "-p", "hi");
    assertThat(outcome.code()).isEqualTo(ExitCode.ERROR);
    assertThat(outcome.err()).isEqualTo("calidrop: " + problem + "\n");
    assertThat(Outcome.of("", true, "inspect", copy.toString()).out())
        .endsWith("not supported:\n  " + problem + "\n");
  }

  @Test
  void row12ControlTokensOfAnotherTypeAreWarnedOfOnce() throws IOException {
    for (int type : new int[] {1, 4}) {
      Path copy = copy(List.of("<|im_start|>", "<|im_end|>"), type, Map.of());
      String warning =
          "warning: the file calls <|im_start|> <|im_end|> ordinary text: taken as control tokens\n";
      Outcome answer = run(copy, "run", "-p", "hi", "-n", "3", "-q");
      assertThat(answer.code()).as(answer.err()).isZero();
      assertThat(answer.err()).isEqualTo(warning);
      assertThat(Outcome.of("", true, "inspect", copy.toString()).out())
          .endsWith(warning + "supported\n");
      JsonNode json =
          new ObjectMapper()
              .readTree(Outcome.of("", true, "inspect", "--json", copy.toString()).out());
      assertThat(json.get("warnings")).hasSize(1);

      String[] tokenize = {"tokenize", "-p", "<|im_end|>", "--model", copy.toString()};
      assertThat(Outcome.of("", true, tokenize).err()).isEqualTo(warning + "10 tokens\n");
    }
    Path right = copy(List.of("<|im_start|>", "<|im_end|>"), 3, Map.of());
    assertThat(run(right, "run", "-p", "hi", "-n", "3", "-q").err()).isEmpty();
  }
}
