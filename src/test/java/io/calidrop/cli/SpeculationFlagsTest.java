package io.calidrop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calidrop.MicroModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tokens guessed ahead, on the command line. */
class SpeculationFlagsTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path directory;

  private static Outcome run(String... more) {
    List<String> args = new ArrayList<>(List.of("run", "--raw", "-n", "60", "--temp", "0"));
    args.addAll(List.of("-p", "ab ab ab ab ab ab", "--model", MicroModel.file().toString()));
    args.addAll(List.of(more));
    return Outcome.of("", true, args.toArray(String[]::new));
  }

  private static JsonNode json(String... more) throws IOException {
    List<String> args = new ArrayList<>(List.of("--json"));
    args.addAll(List.of(more));
    Outcome outcome = run(args.toArray(String[]::new));
    assertThat(outcome.code()).as(outcome.err()).isZero();
    return JSON.readTree(outcome.out());
  }

  @Test
  void theTextIsTheSameAndTheStatisticsTellOfGuesses() throws IOException {
    JsonNode plain = json("--speculate", "off");
    JsonNode guessed = json("--speculate", "6");
    JsonNode drafted = json("--draft", MicroModel.file().toString(), "--speculate", "3");
    assertThat(guessed.get("text")).isEqualTo(plain.get("text")).isEqualTo(drafted.get("text"));
    assertThat(plain.get("drafted_tokens").asInt()).isZero();
    assertThat(guessed.get("drafted_tokens").asInt()).isPositive();
    assertThat(drafted.get("accepted_tokens").asInt()).isGreaterThan(30);
    assertThat(run("--draft", MicroModel.file().toString(), "--speculate", "3").err())
        .containsPattern("tok/s \\(\\d+ of \\d+ guessed\\) \\| context");
    assertThat(run("--speculate", "off").err()).doesNotContain("guessed");
  }

  @Test
  void aBatchTellsOfGuesses() throws IOException {
    Path in = Files.writeString(directory.resolve("in.txt"), "ab ab ab ab\ncd cd cd cd\n");
    Outcome outcome =
        Outcome.of(
            "",
            true,
            "batch --json -q -n 90 --temp 0 --speculate 4 --parallel 2 --in %s --out %s --model %s"
                .formatted(in, directory.resolve("out.jsonl"), MicroModel.file())
                .split(" "));
    assertThat(outcome.code()).as(outcome.err()).isZero();
    JsonNode summary = JSON.readTree(outcome.out());
    assertThat(summary.get("drafted_tokens").asInt()).isPositive();
    assertThat(summary.get("accepted_tokens").asInt()).isNotNegative();
  }

  @ParameterizedTest
  @ValueSource(strings = {"16", "-1", "some", "1.5", ""})
  void anotherNumberOfGuessesIsAUsageError(String value) {
    Outcome outcome = run("--speculate", value);
    assertThat(outcome.code()).isEqualTo(ExitCode.USAGE);
    assertThat(outcome.err()).contains("--speculate: auto, off, or from 0 to 15, not " + value);
  }

  @Test
  void aDraftModelNeedsGuesses() {
    Outcome outcome = run("--draft", MicroModel.file().toString(), "--speculate", "off");
    assertThat(outcome.code()).isEqualTo(ExitCode.USAGE);
    assertThat(outcome.err()).contains("--draft guesses tokens, which --speculate off leaves out");
  }

  @Test
  void aDraftModelThatDoesNotFitIsRefusedInOneLine() {
    MicroModel.open(MicroModel.SENTENCE_PIECE, directory).close();
    Path other = directory.resolve(MicroModel.SENTENCE_PIECE + ".gguf");
    Outcome outcome = run("--draft", other.toString());
    assertThat(outcome.code()).isEqualTo(ExitCode.ERROR);
    assertThat(outcome.err().lines())
        .singleElement()
        .asString()
        .contains("cannot draft: its vocabulary has", "a smaller model of the same family");
  }
}
