package io.calidrop.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calidrop.AnsweringModel;
import io.calidrop.MicroModel;
import io.calidrop.Processes;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Batches as a user runs them, in this process and in others that are killed. */
class BatchTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** How many times a batch is killed: -Dcalidrop.kills asks for more. */
  private static final int KILLS = Integer.getInteger("calidrop.kills", 8);

  @TempDir private Path directory;

  private static List<String> command(Path in, Path out, String... more) {
    List<String> args = new ArrayList<>(List.of("batch", "--in", in.toString()));
    args.addAll(List.of("--out", out.toString()));
    args.addAll(List.of(more));
    if (!args.contains("--model")) {
      args.addAll(List.of("--model", MicroModel.file().toString()));
    }
    return args;
  }

  private static Outcome batch(Path in, Path out, String... more) {
    return Outcome.of("", false, command(in, out, more).toArray(String[]::new));
  }

  private Path prompts(int count) throws IOException {
    List<String> lines =
        IntStream.range(0, count)
            .mapToObj(i -> "{\"id\":\"q%d\",\"prompt\":\"What is %d + 1?\"}".formatted(i, i))
            .toList();
    return Files.write(directory.resolve("prompts.jsonl"), lines);
  }

  /** Results without what differs from run to run. */
  private static List<JsonNode> results(Path file) throws IOException {
    List<JsonNode> results = new ArrayList<>();
    for (String line : Files.readAllLines(file)) {
      ObjectNode result = (ObjectNode) JSON.readTree(line);
      result.remove("timings");
      results.add(result);
    }
    return results;
  }

  @Test
  void answersFitWhatTheirLinesAskFor() throws IOException {
    Path schema = Files.writeString(directory.resolve("s.json"), "{\"enum\":[\"yes\",\"no\"]}");
    String chat =
        "{\"custom_id\":%d,\"body\":{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]%s}}";
    String tool =
        "{'type':'function','function':{'name':'f','parameters':{'properties':{'a':{'type':'boolean'}},"
            + "'required':['a']}}}";
    List<String> fields =
        List.of(
            "",
            ",'response_format':{'type':'json_object'},'max_tokens':1",
            ",'response_format':{'type':'json_schema','json_schema':{'name':'n','schema':{'const':[1]}}}",
            ",'response_format':{'type':'text'}",
            ",'tools':[" + tool + "],'tool_choice':'required','parallel_tool_calls':false",
            ",'response_format':{'type':'json_schema','json_schema':{'schema':{'not':{}}}}");
    List<String> lines = new ArrayList<>();
    for (String field : fields) {
      lines.add(chat.formatted(lines.size(), field.replace('\'', '"')));
    }
    Path in = Files.write(directory.resolve("in.jsonl"), lines);
    Path out = directory.resolve("out.jsonl");
    String model = AnsweringModel.endless().toString();
    batch(in, out, "--model", model, "--json-schema", schema.toString(), "--parallel", "3", "-q");
    List<JsonNode> results = new ArrayList<>(results(out));
    results.sort((a, b) -> Integer.compare(a.get("id").asInt(), b.get("id").asInt()));
    assertThat(results.get(0).get("text").asText()).isIn("\"yes\"", "\"no\"");
    assertThat(results.get(0).get("finish_reason").asText()).isEqualTo("complete");
    assertThat(results.get(1).get("text").asText()).isEqualTo("{");
    assertThat(results.get(1).get("finish_reason").asText()).isEqualTo("length");
    assertThat(results.get(2).get("text").asText()).isEqualTo("[1]");
    assertThat(results.get(3).get("finish_reason").asText()).isEqualTo("length");
    assertThat(results.get(4).get("finish_reason").asText()).isEqualTo("tool_calls");
    JsonNode function = results.get(4).at("/tool_calls/0/function");
    assertThat(function.get("name").asText()).isEqualTo("f");
    assertThat(JSON.readTree(function.get("arguments").asText()).get("a").isBoolean()).isTrue();
    assertThat(results.get(5).get("error").asText())
        .isEqualTo("response_format: the schema: not is not supported");
  }

  /**
   * Every question is answered from a copy of the same state: alone or beside others, resumed or
   * not.
   */
  @Test
  void questionsAboutADocumentShareItCompressedOnce() throws IOException {
    Path in = prompts(5);
    Path document = Files.writeString(directory.resolve("book.txt"), "A B C D E F G ".repeat(20));
    String[] once = {"--budget", "64", "--compress", "once", "--json"};
    List<List<JsonNode>> all = new ArrayList<>();
    for (String parallel : List.of("1", "3")) {
      Path out = directory.resolve("out" + parallel);
      List<String> more = new ArrayList<>(List.of(once));
      more.addAll(List.of("--document", document.toString(), "--parallel", parallel, "-n", "20"));
      Outcome outcome = batch(in, out, more.toArray(String[]::new));
      assertThat(outcome.code()).as(outcome.err()).isZero();
      JsonNode summary = JSON.readTree(outcome.out());
      assertThat(summary.at("/cache_options/policy").asText()).isEqualTo("kvzip");
      List<JsonNode> results = new ArrayList<>(results(out));
      results.sort((a, b) -> a.get("id").asText().compareTo(b.get("id").asText()));
      for (JsonNode result : results) {
        assertThat(result.at("/usage/prompt_tokens").asInt()).isGreaterThan(200);
        ((ObjectNode) result).remove("usage");
      }
      all.add(results);
    }
    assertThat(all.get(1)).isEqualTo(all.get(0));
    assertThat(all.get(0).get(0).at("/cache/kept").asInt()).isLessThan(200);
  }

  @Test
  void aWrongSchemaIsAUsageError() throws IOException {
    Path schema = Files.writeString(directory.resolve("s.json"), "{\"minLenght\":1}");
    Outcome outcome = batch(prompts(1), directory.resolve("o"), "--json-schema", schema.toString());
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.err()).contains("--json-schema", "unknown keyword minLenght");
  }

  @Test
  void everyLineHasAResultAndWrongOnesAnError() throws IOException {
    Path in =
        Files.write(
            directory.resolve("in.jsonl"),
            List.of(
                "{\"id\":\"paris\",\"prompt\":\"What is the capital of France?\",\"temperature\":0}",
                "",
                "{\"id\":\"torn\",\"prompt\":",
                "{\"id\":\"paris\",\"prompt\":\"Again?\"}",
                "{\"id\":\"long\",\"prompt\":\"" + "word ".repeat(300) + "\"}",
                "{\"custom_id\":\"last\",\"body\":{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}}"));
    Path out = directory.resolve("out.jsonl");
    Outcome outcome =
        batch(
            in,
            out,
            "-n",
            "8",
            "--ctx",
            "200",
            "--json",
            "--model",
            AnsweringModel.file().toString());
    assertThat(outcome.code()).as(outcome.err()).isEqualTo(ExitCode.BATCH_FAILURES);
    JsonNode summary = JSON.readTree(outcome.out());
    assertThat(summary.get("results").asInt()).isEqualTo(5);
    assertThat(summary.get("failed").asInt()).isEqualTo(3);
    List<JsonNode> results = results(out);
    assertThat(results)
        .extracting(r -> r.get("id").asText())
        .containsExactly("paris", "3", "paris (line 4)", "long", "last");
    assertThat(results.get(0).get("text").asText()).isEqualTo("The capital of France is Paris.");
    assertThat(results.get(0).get("finish_reason").asText()).isEqualTo("end_token");
    assertThat(results.get(0).get("usage").get("completion_tokens").asInt()).isEqualTo(7);
    assertThat(results.get(0).get("error").isNull()).isTrue();
    assertThat(results.get(1).get("error").asText()).contains("no JSON");
    assertThat(results.get(2).get("error").asText()).contains("an earlier line has the id paris");
    assertThat(results.get(3).get("error").asText()).contains("more than the context of 200");
    assertThat(results.get(4).get("usage").get("completion_tokens").asInt()).isPositive();

    Outcome again = batch(in, out);
    assertThat(again.code()).isEqualTo(ExitCode.ERROR);
    assertThat(again.err()).contains("--resume goes on with it").hasLineCount(1);
    Outcome resumed = batch(in, out, "--resume");
    assertThat(resumed.code()).isEqualTo(ExitCode.BATCH_FAILURES);
    assertThat(resumed.err()).contains("5 results, 3 of them errors (5 were there)");
    Path first = directory.resolve("first.jsonl");
    assertThat(batch(in, first, "-n", "8", "--fail-fast").code())
        .isEqualTo(ExitCode.BATCH_FAILURES);
    assertThat(results(first)).hasSize(2);
    assertThat(batch(in, out, "--resume", "--force").code()).isEqualTo(ExitCode.USAGE);
    assertThat(batch(in, out, "--shard", "3/2").code()).isEqualTo(ExitCode.USAGE);
    assertThat(batch(directory.resolve("no.txt"), out, "--force").err()).contains("does not exist");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "--budget 64 --window 16 --prune-interval 16"})
  void inParallelTheyAreTheSame(String cache) throws IOException {
    List<String> lines = new ArrayList<>(List.of("{\"id\":\"torn\""));
    for (int i = 0; i < 12; i++) {
      lines.add(
          "{\"id\":\"%d\",\"prompt\":\"Count to %d.%s\",\"max_tokens\":%d,\"temperature\":%d}"
              .formatted(i, i, " Please.".repeat(i * i), 1 + i * 7 % 40, i % 2));
    }
    Path in = Files.write(directory.resolve("in.jsonl"), lines);
    Path out = directory.resolve("alone.jsonl");
    Path together = directory.resolve("together.jsonl");
    List<String> flags = new ArrayList<>(List.of("--system", "You are an accountant. ".repeat(9)));
    flags.addAll(cache.isEmpty() ? List.of() : List.of(cache.split(" ")));
    assertThat(batch(in, out, flags.toArray(String[]::new)).code())
        .isEqualTo(ExitCode.BATCH_FAILURES);
    flags.addAll(List.of("--parallel", "5", "--json"));
    Outcome outcome = batch(in, together, flags.toArray(String[]::new));
    assertThat(outcome.code()).as(outcome.err()).isEqualTo(ExitCode.BATCH_FAILURES);
    assertThat(JSON.readTree(outcome.out()).get("results").asInt()).isEqualTo(13);
    assertThat(results(together))
        .as("in the order in which they are finished")
        .isNotEqualTo(results(out))
        .containsExactlyInAnyOrderElementsOf(results(out));

    Path ordered = directory.resolve("ordered.jsonl");
    Outcome merged =
        Outcome.of(
            "",
            false,
            "merge",
            "--in",
            in.toString(),
            "--out",
            ordered.toString(),
            together.toString());
    assertThat(merged.code()).as(merged.err()).isZero();
    assertThat(results(ordered)).isEqualTo(results(out));
    assertThat(batch(in, out, "--parallel", "0").code()).isEqualTo(ExitCode.USAGE);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void killedAtAnyMomentItGoesOnToTheSameResults(int parallel)
      throws IOException, InterruptedException {
    Path in = prompts(40 + 10 * KILLS);
    Path whole = directory.resolve("whole.jsonl");
    assertThat(batch(in, whole, "-n", "12").code()).isZero();
    Path out = directory.resolve("killed.jsonl");
    Random random = new Random(4);
    int kills = 0;
    String[] flags = {"-n", "12", "--resume", "--parallel", Integer.toString(parallel)};
    while (kills < KILLS / 2) {
      Process process = start(command(in, out, flags));
      long before = size(out);
      while (process.isAlive() && size(out) == before) {
        Thread.sleep(5);
      }
      Thread.sleep(random.nextInt(300));
      assertThat(process.isAlive()).as("after %d kills", kills).isTrue();
      process.destroyForcibly().waitFor();
      kills++;
    }
    assertThat(batch(in, out, flags).code()).isZero();
    if (parallel == 1) {
      assertThat(results(out)).isEqualTo(results(whole));
    } else {
      assertThat(results(out)).containsExactlyInAnyOrderElementsOf(results(whole));
    }
  }

  @Test
  void aDiskThatIsFullLosesNothing() throws IOException, InterruptedException {
    Path in = prompts(60);
    Path whole = directory.resolve("whole.jsonl");
    assertThat(batch(in, whole, "-n", "4").code()).isZero();
    Path out = directory.resolve("out.jsonl");
    List<String> limited = new ArrayList<>(List.of("sh", "-c", "ulimit -f 16; exec \"$@\"", "sh"));
    List<String> args = command(in, out, "-n", "4", "-q");
    // Without the JVM's own file, which would meet the limit first.
    limited.addAll(Processes.command(args, "-XX:-UsePerfData"));
    Process process = new ProcessBuilder(limited).redirectOutput(Redirect.DISCARD).start();
    String err = new String(process.getErrorStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as(err).isEqualTo(ExitCode.ERROR);
    assertThat(err.lines().filter(line -> line.startsWith("calidrop:")))
        .singleElement()
        .asString()
        .contains("out.jsonl cannot be written", "--resume goes on");
    // In bytes: the limit may cut a character in two.
    byte[] torn = Files.readAllBytes(out);
    assertThat(torn[torn.length - 1]).as("a torn line").isNotEqualTo((byte) '\n');
    assertThat(batch(in, out, "-n", "4", "--resume").code()).isZero();
    assertThat(results(out)).isEqualTo(results(whole));
  }

  @Test
  void shardsInProcessesOfTheirOwnMergeToTheWhole() throws IOException, InterruptedException {
    Path in = prompts(11);
    Path whole = directory.resolve("whole.jsonl");
    assertThat(batch(in, whole, "-n", "6").code()).isZero();
    List<Process> processes = new ArrayList<>();
    List<String> merge = new ArrayList<>(List.of("merge", "--in", in.toString(), "--out"));
    Path out = directory.resolve("merged.jsonl");
    merge.add(out.toString());
    for (int i = 1; i <= 3; i++) {
      Path part = directory.resolve("part-" + i);
      processes.add(start(command(in, part, "-n", "6", "--shard", i + "/3", "-t", "1")));
      merge.add(part.toString());
    }
    for (Process process : processes) {
      assertThat(process.waitFor(180, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).isZero();
    }
    Outcome merged = Outcome.of("", false, merge.toArray(String[]::new));
    assertThat(merged.code()).as(merged.err()).isZero();
    assertThat(results(out)).isEqualTo(results(whole));

    merge.add("--force");
    List<String> incomplete = new ArrayList<>(merge);
    incomplete.remove(directory.resolve("part-2").toString());
    Outcome missing = Outcome.of("", false, incomplete.toArray(String[]::new));
    assertThat(missing.code()).isEqualTo(ExitCode.ERROR);
    assertThat(missing.err()).contains("there is no result of q1").hasLineCount(1);
    merge.add(directory.resolve("part-2").toString());
    Outcome twice = Outcome.of("", false, merge.toArray(String[]::new));
    assertThat(twice.err()).contains("comes twice or is not in the input");
    assertThat(results(out)).as("left as it was").isEqualTo(results(whole));
  }

  private static long size(Path file) throws IOException {
    return Files.exists(file) ? Files.size(file) : 0;
  }

  private static Process start(List<String> args) throws IOException {
    return new ProcessBuilder(Processes.command(args))
        .redirectOutput(Redirect.DISCARD)
        .redirectError(Redirect.DISCARD)
        .start();
  }
}
