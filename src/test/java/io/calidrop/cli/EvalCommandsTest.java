package io.calidrop.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calidrop.MicroModel;
import io.calidrop.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The evaluation suite as a user runs it. */
class EvalCommandsTest {
  private static final String TEXT = Path.of("docs", "CALIDROP.md").toString();

  @TempDir private Path directory;

  private static Outcome eval(String... args) {
    List<String> all = new ArrayList<>(List.of("eval"));
    all.addAll(List.of(args));
    if (!all.contains("--model")) {
      all.addAll(List.of("--model", MicroModel.file().toString()));
    }
    return Outcome.of("", false, all.toArray(String[]::new));
  }

  private String[] quality(String... more) {
    List<String> args = new ArrayList<>();
    args.addAll(List.of("quality", "--text", TEXT, "--seeds", "1,2", "--prompt-tokens", "200"));
    args.addAll(List.of("--tokens", "20", "--policies", "streaming", "--calidrop", "off,fold"));
    args.addAll(List.of(more));
    return args.toArray(String[]::new);
  }

  @Test
  @Tag("model")
  void qualityWritesAReportAndGoesOnWhereItWasKilled() throws IOException {
    Path out = directory.resolve("out");
    String to = out.toString();
    Outcome first = eval(quality("--budgets", "64", "--out", to, "--format", "csv"));
    assertThat(first.code()).as(first.err()).isZero();
    // Plain, calibrated, plain at the same bytes in this format and the best.
    assertThat(first.out().lines())
        .hasSize(1 + 4)
        .first()
        .asString()
        .startsWith(
            "policy,types,budget,rows,calidrop,KL,KL 95%,same top,agreement,perplexity,full");
    assertThat(out.resolve("kl-rows.png")).isNotEmptyFile();
    assertThat(Files.readString(out.resolve("quality.csv"))).isEqualTo(first.out());
    assertThat(Files.readString(out.resolve("report.html")))
        .contains("model sha256", "seeds [1, 2]", "./run.sh eval quality", "docs/CALIDROP.md");

    assertThat(eval(quality("--budgets", "64", "--out", to)).err()).contains("--resume goes on");
    // What is in the log is not computed again: a number that was changed there is believed.
    Path log = out.resolve("results.jsonl");
    String lines = Files.readString(log);
    assertThat(lines.lines()).hasSize(1 + 2 * 4);
    String changed = lines.replaceFirst("\"kl\":[0-9.E-]+", "\"kl\":1000");
    Files.writeString(log, changed.substring(0, changed.length() - 9));
    Outcome resumed = eval(quality("--budgets", "64", "--out", to, "--resume", "--json"));
    assertThat(resumed.code()).as(resumed.err()).isZero();
    JsonNode rows = new ObjectMapper().readTree(resumed.out());
    assertThat(rows.get(0).get("KL").asDouble()).isGreaterThan(499);
    assertThat(Files.readString(log).lines()).hasSize(1 + 2 * 4);

    Outcome other = eval(quality("--tokens", "21", "--budgets", "64", "--out", to, "--resume"));
    assertThat(other.code()).isNotZero();
  }

  @Test
  @Tag("model")
  void aSharedPromptGivesWhatEachCacheAloneGives() throws IOException {
    String[] together =
        quality("--compress", "once", "--budgets", "64,96", "--policies", "h2o", "--json");
    JsonNode rows = new ObjectMapper().readTree(eval(together).out());
    String[] alone =
        quality(
            "--compress",
            "once",
            "--budgets",
            "96",
            "--policies",
            "h2o",
            "--calidrop",
            "fold",
            "--no-equal-bytes",
            "--json");
    JsonNode row = new ObjectMapper().readTree(eval(alone).out()).get(0);
    assertThat(rows).contains(row);
  }

  @ParameterizedTest
  @ValueSource(strings = {"rolling", "once"})
  void cachesOfEveryTypeAreComparedWithTheFullCache(String compress) throws IOException {
    String[] args =
        quality("--budgets", "64", "--compress", compress, "--kv-types", "f16,q8_0,k5v4", "--json");
    Outcome outcome = eval(args);
    assertThat(outcome.code()).as(outcome.err()).isZero();
    JsonNode rows = new ObjectMapper().readTree(outcome.out());
    String[] types = {"f16", "q8_0", "k5v4"};
    int full = rows.size() - types.length;
    for (int i = 0; i < types.length; i++) {
      assertThat(rows.get(full + i).get("policy").asText()).isEqualTo("full");
      assertThat(rows.get(full + i).get("types").asText()).isEqualTo(types[i]);
      String type = types[i];
      assertThat(rows)
          .filteredOn(row -> row.get("types").asText().equals(type))
          .filteredOn(row -> row.get("calidrop").asText().startsWith("fold"))
          .hasSize(1);
    }
    assertThat(rows.get(full).get("KL").asDouble()).isZero();
    assertThat(rows.get(full + 2).get("KL").asDouble()).isBetween(1e-4, 0.2);
  }

  @Test
  void forSomeBytesThePlanIsMeasuredBesideTheFullCacheInEveryFormat() throws IOException {
    String[] args = {
      "quality",
      "--text",
      TEXT,
      "--seeds",
      "1",
      "--prompt-tokens",
      "1500",
      "--tokens",
      "20",
      "--kv-memory",
      "200K,64M",
      "--json"
    };
    Outcome outcome = eval(args);
    assertThat(outcome.code()).as(outcome.err()).isZero();
    JsonNode rows = new ObjectMapper().readTree(outcome.out());
    assertThat(rows).hasSize(6);
    assertThat(rows.get(0).get("budget").asText()).isEqualTo("0.195 MiB");
    assertThat(rows.get(0).get("calidrop").asText()).endsWith(", planned");
    assertThat(rows.get(0).get("rows").asInt()).isPositive();
    assertThat(rows.get(1).get("calidrop").asText()).isEqualTo("full, planned");
    assertThat(rows.get(1).get("KL").asDouble()).isZero();
    String[] types = {"q8_0", "q5_0", "k5v4", "q4_0"};
    for (int i = 0; i < types.length; i++) {
      assertThat(rows.get(2 + i).get("policy").asText()).isEqualTo("full");
      assertThat(rows.get(2 + i).get("types").asText()).isEqualTo(types[i]);
    }
  }

  @Test
  @Tag("model")
  void tasksAreAskedBeforeAndAfterCompression() throws IOException {
    Outcome outcome =
        eval(
            "tasks",
            "--tasks",
            "needle,multineedle",
            "--lengths",
            "200",
            "--instances",
            "3",
            "--budgets",
            "64,1024",
            "--policies",
            "streaming",
            "--calidrop",
            "off",
            "--json",
            "--model",
            TestData.smolLm2().toString());
    assertThat(outcome.code()).as(outcome.err()).isZero();
    JsonNode tables = new ObjectMapper().readTree(outcome.out());
    assertThat(tables.get("tasks-full")).hasSize(2);
    double full = 0;
    for (JsonNode row : tables.get("tasks-full")) {
      assertThat(row.get("questions").asInt()).isEqualTo(3);
      assertThat(row.get("measurable").asText()).isEqualTo("yes");
      full += row.get("accuracy").asDouble() / 2;
    }
    for (String order : List.of("agnostic", "aware")) {
      JsonNode rows = tables.get("tasks-" + order);
      assertThat(rows).hasSize(2);
      assertThat(rows.get(1).get("accuracy").asDouble())
          .as("nothing is evicted")
          .isCloseTo(full, within(1e-3));
      assertThat(rows.get(0).get("accuracy").asDouble()).isLessThan(full);
      assertThat(tables.get("tasks-" + order + "-each").get(0).has("needle 200")).isTrue();
    }
  }

  /** Beyond what the model was trained on nobody asks the full cache; parts are put together. */
  @Test
  void needlesAtEveryDepthOfLongDocumentsInPartsThatArePutTogether() throws IOException {
    List<String> tasks = new ArrayList<>(List.of("tasks", "--tasks", "needle", "--instances", "3"));
    tasks.addAll(List.of("--seeds", "2", "--depths", "3", "--order", "agnostic"));
    tasks.addAll(List.of("--compress", "rolling", "--recall", "32", "--budgets", "64"));
    tasks.addAll(List.of("--policies", "streaming", "--calidrop", "off", "--json"));
    List<String> parts = new ArrayList<>();
    List<String> lengths = List.of("8250", "8350");
    for (String length : lengths) {
      String out = directory.resolve(length).toString();
      parts.add(out);
      List<String> part = new ArrayList<>(tasks);
      part.addAll(List.of("--lengths", length, "--out", out));
      Outcome outcome = eval(part.toArray(String[]::new));
      assertThat(outcome.code()).as(outcome.err()).isZero();
      assertThat(Path.of(out, "recall-agnostic-1.svg")).isNotEmptyFile();
    }
    tasks.addAll(
        List.of("--lengths", String.join(",", lengths), "--from", String.join(",", parts)));
    Outcome outcome = eval(tasks.toArray(String[]::new));
    assertThat(outcome.code()).as(outcome.err()).isZero();
    JsonNode tables = new ObjectMapper().readTree(outcome.out());
    assertThat(tables.has("tasks-full")).isFalse();
    JsonNode recall = tables.get("recall-agnostic");
    assertThat(recall).hasSize(3);
    for (int i = 0; i < 3; i++) {
      assertThat(recall.get(i).get("depth %").asInt()).isEqualTo(50 * i);
      assertThat(recall.get(i).get("8250").isNumber()).isTrue();
      assertThat(recall.get(i).get("8350").isNumber()).isTrue();
    }
    List<String> once = new ArrayList<>(List.of("tasks", "--lengths", "8250"));
    once.addAll(List.of("--policies", "streaming", "--calidrop", "off"));
    assertThat(eval(once.toArray(String[]::new)).err()).contains("need --compress rolling");
  }

  @Test
  @Tag("model")
  void perplexityErrorAndCostPrintTheirTables() throws IOException {
    Outcome perplexity =
        eval("perplexity", "--text", TEXT, "--ctx", "64", "--windows", "3", "--format", "csv");
    assertThat(perplexity.out()).startsWith("text,windows,tokens,perplexity,±\nCALIDROP.md,3,93,");
    Outcome error =
        eval(
            "error",
            "--text",
            TEXT,
            "--prompt-tokens",
            "200",
            "--tokens",
            "20",
            "--budgets",
            "64",
            "--policies",
            "streaming",
            "--calidrop",
            "off",
            "--recall",
            "0,32",
            "--json");
    JsonNode tables = new ObjectMapper().readTree(error.out());
    assertThat(tables.get("error")).hasSize(2);
    assertThat(tables.get("error").get(1).get("error").asDouble())
        .isLessThan(tables.get("error").get(0).get("error").asDouble());
    assertThat(tables.get("error-layers")).hasSize(2);
    assertThat(tables.get("actions")).hasSize(2); // a row for each layer
    Outcome cost =
        eval(
            "cost",
            "--text",
            TEXT,
            "--at",
            "64,200",
            "-n",
            "4",
            "--budgets",
            "64",
            "--policies",
            "streaming",
            "--calidrop",
            "off",
            "--json");
    JsonNode rows = new ObjectMapper().readTree(cost.out());
    assertThat(rows).hasSize(4);
    assertThat(rows.get(3).get("position").asInt()).isEqualTo(200);
    assertThat(rows.get(3).get("decode t/s").asDouble()).isPositive();
  }

  static Stream<Arguments> usageErrors() {
    return Stream.of(
        arguments("--resume needs --out", new String[] {"quality", "--text", TEXT, "--resume"}),
        arguments(
            "--seeds and --first-token exclude each other",
            new String[] {"quality", "--text", TEXT, "--seeds", "1", "--first-token", "0"}),
        arguments("absent.txt does not exist", new String[] {"quality", "--text", "absent.txt"}),
        arguments("no policy \"lru\"", new String[] {"error", "--text", TEXT, "--policies", "lru"}),
        arguments(
            "--budgets and --kv-memory exclude each other",
            new String[] {"quality", "--text", TEXT, "--budgets", "64", "--kv-memory", "9M"}),
        arguments(
            "no size such as 512K",
            new String[] {"quality", "--text", TEXT, "--kv-memory", "lots"}),
        arguments("--from absent holds no", new String[] {"tasks", "--from", "absent"}),
        arguments("--depths must not", new String[] {"tasks", "--depths", "-1"}),
        arguments("smaller than 4 sinks", new String[] {"tasks", "--budgets", "8"}),
        arguments("--at must rise", new String[] {"cost", "--text", TEXT, "--at", "64,80"}),
        arguments("'--tasks'", new String[] {"tasks", "--tasks", "chess"}),
        arguments("--ctx must be", new String[] {"perplexity", "--text", TEXT, "--ctx", "4"}));
  }

  @ParameterizedTest
  @MethodSource("usageErrors")
  void usageErrorsAreOneLineAndComeBeforeTheModel(String message, String[] args) {
    List<String> all = new ArrayList<>(List.of("eval"));
    all.addAll(List.of(args));
    all.addAll(List.of("--model", "absent.gguf"));
    Outcome outcome = Outcome.of("", false, all.toArray(String[]::new));
    assertThat(outcome.code()).as(outcome.err()).isEqualTo(ExitCode.USAGE);
    assertThat(outcome.err()).startsWith("calidrop: ").contains(message).hasLineCount(1);
  }

  @Test
  @Tag("model")
  void aTextThatIsTooShortIsRefused() throws IOException {
    Path text = Files.writeString(directory.resolve("short.txt"), "Too short.");
    Outcome outcome = eval("quality", "--text", text.toString());
    assertThat(outcome.code()).isEqualTo(ExitCode.ERROR);
    assertThat(outcome.err()).contains("short.txt has").hasLineCount(1);
  }
}
