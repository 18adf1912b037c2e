package io.calidrop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.bench.RandomModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A model's file that recommends how tokens are chosen, and options that say otherwise. */
class SamplingFlagsTest {
  private static final String WARNING =
      "warning: %s: general.sampling.top_k is not followed: it is no number";

  @TempDir private static Path directory;
  private static Path model;

  @BeforeAll
  static void writeModel() throws IOException {
    model = directory.resolve("greedy.gguf");
    new RandomModel(RandomModel.Shape.STINY, RandomModel.Mix.Q8_0)
        .declare()
        .put("general.sampling.temp", 0f)
        .put("general.sampling.top_k", "many")
        .write(model);
  }

  private static Outcome run(String... options) {
    List<String> all =
        new ArrayList<>(List.of("run", "--raw", "-p", "The", "-n", "12", "--threads", "1"));
    all.addAll(List.of("--model", model.toString()));
    all.addAll(List.of(options));
    return Outcome.of("", false, all.toArray(String[]::new));
  }

  @Test
  void theFileSaysWhatNoOptionDoes() {
    String greedy = run("--temp", "0").out();
    assertThat(run("-s", "1").out()).isEqualTo(greedy);
    assertThat(run("-s", "2", "--top-p", "0.5").out()).isEqualTo(greedy);
    assertThat(run("-s", "1", "--temp", "5", "--top-k", "0").out()).isNotEqualTo(greedy);
    Outcome told = run("--verbose");
    assertThat(told.err())
        .contains("sampling as the file recommends: temperature 0.0\n")
        .containsOnlyOnce(WARNING.formatted(model));
  }

  @Test
  void inspectTellsBoth() {
    Outcome outcome = Outcome.of("", false, "inspect", model.toString());
    assertThat(outcome.out())
        .containsPattern("recommended_sampling +temperature 0\\.0\n")
        .contains(WARNING.formatted(model));
  }

  @Test
  void aBatchFollowsTheFileAndALineSaysOtherwise() throws IOException {
    Path in = directory.resolve("in.jsonl");
    String body = "{\"custom_id\":\"%s\",\"body\":{\"prompt\":\"The\",\"max_tokens\":12%s}}\n";
    Files.writeString(
        in,
        body.formatted("a", "")
            + body.formatted("b", ",\"seed\":7")
            + body.formatted("c", ",\"temperature\":5,\"top_k\":0"));
    Path out = directory.resolve("out.jsonl");
    String[] args = {
      "batch", "--in", in.toString(), "--out", out.toString(), "--model", model.toString()
    };
    assertThat(Outcome.of("", false, args).code()).isZero();
    List<String> texts =
        Files.readString(out).lines().map(line -> line.replaceAll(".*\"text\":\"", "")).toList();
    assertThat(texts.get(1).substring(0, 12)).isEqualTo(texts.get(0).substring(0, 12));
    assertThat(texts.get(2).substring(0, 12)).isNotEqualTo(texts.get(0).substring(0, 12));
  }
}
