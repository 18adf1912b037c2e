package io.calidrop.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calidrop.MicroModel;
import io.calidrop.Processes;
import io.calidrop.generate.GenerationOptions;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Rows 1 to 4 of the cases, as a user runs them on a tiny model. */
class BatchCasesTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String TWO =
      "{\"id\":\"a\",\"prompt\":\"Hi\"}\n{\"id\":\"b\",\"prompt\":\"Ho\"}\n";

  private static final Path MODEL = MicroModel.file();

  @TempDir private Path directory;

  private static List<String> command(String in, Path out, String... more) {
    List<String> args = new ArrayList<>(List.of("batch", "--in", in, "--out", out.toString()));
    args.addAll(List.of("--model", MODEL.toString(), "-n", "3", "-t", "1"));
    args.addAll(List.of(more));
    return args;
  }

  private static Outcome batch(String stdin, String in, Path out, String... more) {
    return Outcome.of(stdin, false, command(in, out, more).toArray(String[]::new));
  }

  private Path write(String name, String text) throws IOException {
    return Files.writeString(directory.resolve(name), text);
  }

  private Path out() {
    return directory.resolve("out.jsonl");
  }

  private static List<JsonNode> results(Path file) throws IOException {
    List<JsonNode> results = new ArrayList<>();
    for (String line : Files.readAllLines(file)) {
      results.add(JSON.readTree(line));
    }
    return results;
  }

  private static List<String> ids(Path file) throws IOException {
    return results(file).stream().map(result -> result.get("id").toString()).toList();
  }

  @Test
  void row1LinesOfOpenAisBatches() throws IOException {
    String chat = "\"method\":\"POST\",\"url\":\"/v1/chat/completions\"";
    String hi = "\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]";
    Path in =
        write(
            "in.jsonl",
            String.join(
                "\n",
                "{\"custom_id\":\"one\","
                    + chat
                    + ",\"body\":{\"model\":\"m\",\"n\":1,"
                    + hi
                    + "}}",
                "{\"custom_id\":\"two\","
                    + chat
                    + ",\"body\":{\"model\":\"m\",\"n\":2,"
                    + hi
                    + "}}",
                "{\"id\":null,\"custom_id\":\"nulls\",\"prompt\":\"Hi\",\"stop\":null,\"seed\":null}",
                "{\"id\":\"seed\",\"prompt\":\"Hi\",\"seed\":-1719843298123}",
                "{\"id\":\"greedy\",\"prompt\":\"Hi\",\"top_p\":0,\"seed\":3}",
                "{\"id\":\"cold\",\"prompt\":\"Hi\",\"temperature\":0,\"seed\":4}",
                "{\"id\":7,\"prompt\":\"Hi\"}",
                "{\"id\":\"7\",\"prompt\":\"Hi\"}",
                "{\"id\":7,\"prompt\":\"Ho\"}",
                "{\"custom_id\":\"raw\",\"url\":\"/v1/completions\",\"body\":{\"prompt\":\"Hi\"}}"));
    assertThat(batch("", in.toString(), out()).code()).isEqualTo(ExitCode.BATCH_FAILURES);
    assertThat(ids(out()))
        .containsExactly(
            "\"one\"",
            "\"two\"",
            "\"nulls\"",
            "\"seed\"",
            "\"greedy\"",
            "\"cold\"",
            "7",
            "\"7\"",
            "\"7 (line 9)\"",
            "\"raw\"");
    List<JsonNode> results = results(out());
    assertThat(results.get(0).get("usage").get("completion_tokens").asInt()).isEqualTo(3);
    assertThat(results.get(1).get("error").asText()).startsWith("n: 2 is not supported");
    assertThat(results.get(2).get("error").isNull()).isTrue();
    assertThat(results.get(3).get("seed").asLong()).isEqualTo(-1719843298123L);
    assertThat(results.get(4).get("text")).isEqualTo(results.get(5).get("text"));
    assertThat(results.get(8).get("error").asText()).isEqualTo("an earlier line has the id 7");
    assertThat(results.get(9).get("usage").get("prompt_tokens").asInt())
        .as("the prompt alone, without a template")
        .isEqualTo(2);

    // What the program prints as a seed, it takes.
    String seed = results.get(6).get("seed").toString();
    Outcome run =
        Outcome.of(
            "",
            true,
            "run",
            "-p",
            "Hi",
            "--seed",
            seed,
            "-n",
            "3",
            "--json",
            "--model",
            "" + MODEL);
    assertThat(JSON.readTree(run.out()).get("text")).isEqualTo(results.get(6).get("text"));

    Outcome again = batch("", in.toString(), out(), "--resume");
    assertThat(again.err()).contains("10 results, 2 of them errors (10 were there)");
    Path merged = directory.resolve("merged.jsonl");
    Outcome merge =
        Outcome.of("", false, "merge", "--in", "" + in, "--out", "" + merged, "" + out());
    assertThat(merge.code()).as(merge.err()).isZero();
    assertThat(Files.readString(merged)).isEqualTo(Files.readString(out()));
  }

  @Test
  void row1ASeedOf64BitsCanBeSetInAChat() {
    long seed = -1719843298123456789L;
    GenerationOptions options = GenerationOptions.defaults();
    assertThat(ChatSettings.with(options, "seed", "" + seed).sampling().seed()).isEqualTo(seed);
    assertThatThrownBy(() -> ChatSettings.with(options, "seed", "1.5"))
        .hasMessage("1.5 is no whole number of 64 bits");
    assertThat(ChatSettings.names()).contains("seed");
  }

  @Test
  void row1CompletionsNeedNoChatTemplate() throws IOException {
    Path base = directory.resolve("base.gguf");
    String chatty = Files.readString(MODEL, StandardCharsets.ISO_8859_1);
    String silent = chatty.replace("chat_template", "shut_template").replace("<|im_", "<|no_");
    Files.writeString(base, silent, StandardCharsets.ISO_8859_1);
    Path raw = write("raw.jsonl", "{\"custom_id\":1,\"body\":{\"prompt\":\"Once\"}}\n");
    Outcome outcome = Outcome.of("", false, on(base, "" + raw));
    assertThat(outcome.code()).as(outcome.err()).isZero();
    Path chat = write("chat.jsonl", TWO);
    Outcome refused = Outcome.of("", false, on(base, "" + chat, "--force"));
    assertThat(refused.code()).isEqualTo(ExitCode.ERROR);
    assertThat(refused.err()).contains("no chat template").hasLineCount(1);
  }

  private String[] on(Path other, String in, String... more) {
    List<String> args = command(in, out(), more);
    args.set(args.indexOf(MODEL.toString()), other.toString());
    return args.toArray(String[]::new);
  }

  @ParameterizedTest
  @ValueSource(strings = {"in.jsonl", "UPPER.JSONL", "in.NdJson"})
  void row2AMarkAndWindowsLineEnds(String name) throws IOException {
    Path in = write(name, "\ufeff" + TWO.replace("\n", "\r\n"));
    Outcome outcome = batch("", in.toString(), out());
    assertThat(outcome.code()).as(outcome.err()).isZero();
    assertThat(ids(out())).containsExactly("\"a\"", "\"b\"");
  }

  @Test
  void row2WhatCannotBeReadIsNamed() throws IOException {
    Path latin = directory.resolve("latin-1.txt");
    Files.write(latin, "café au lait\n".getBytes(StandardCharsets.ISO_8859_1));
    String[] folder = {"run", "-f", directory.toString()};
    assertThat(Outcome.of("", true, folder).err())
        .isEqualTo("calidrop: %s is a folder, not a file%n".formatted(directory));
    for (String[] args :
        List.of(
            new String[] {"run", "-f", latin.toString()},
            new String[] {"tokenize", "-f", latin.toString(), "--model", MODEL.toString()},
            new String[] {"eval", "perplexity", "--text", "" + latin, "--model", "" + MODEL},
            command(latin.toString(), out()).toArray(String[]::new))) {
      Outcome outcome = Outcome.of("", true, args);
      assertThat(outcome.code()).as(outcome.err()).isEqualTo(ExitCode.ERROR);
      assertThat(outcome.err())
          .as(String.join(" ", args))
          .isEqualTo("calidrop: %s is no UTF-8 text (byte 4)%n".formatted(latin));
    }
    String[] missing = {"run", "-f", directory.resolve("no.txt").toString()};
    assertThat(Outcome.of("", true, missing).err()).contains("no.txt does not exist");
    Outcome read =
        Outcome.of(
            "/read %s\n/bye\n".formatted(latin),
            true,
            "chat",
            "--on-full",
            "stop",
            "--model",
            "" + MODEL);
    assertThat(read.err()).contains(latin + " is no UTF-8 text (byte 4)");
    assertThat(Errors.message(new AccessDeniedException("secret.txt")))
        .isEqualTo("secret.txt cannot be used: permission denied");
  }

  @Test
  void row2AMarkIsSkippedInPromptsOfAllKinds() throws IOException {
    Path plain = write("plain.txt", "Hi");
    Path marked = write("marked.txt", "\ufeffHi");
    String[] args = {"tokenize", "--model", MODEL.toString(), "-f"};
    String expected = tokenize(args, plain.toString());
    assertThat(tokenize(args, marked.toString())).isEqualTo(expected);
    String[] piped = {"tokenize", "--model", MODEL.toString()};
    assertThat(Outcome.of("\ufeffHi", false, piped).out()).isEqualTo(expected);
  }

  private static String tokenize(String[] args, String file) {
    String[] all = Arrays.copyOf(args, args.length + 1);
    all[args.length] = file;
    return Outcome.of("", true, all).out();
  }

  @Test
  void row3StandardInput() throws IOException {
    Outcome outcome = batch(TWO, "-", out());
    assertThat(outcome.code()).as(outcome.err()).isZero();
    assertThat(ids(out())).containsExactly("\"a\"", "\"b\"");
    String more = TWO + "{\"id\":\"c\",\"prompt\":\"He\"}\n";
    assertThat(batch(more, "-", out(), "--resume").err())
        .contains("3 results, 0 of them errors (2 were there)");
    assertThat(batch("One {\n\nTwo\n", "-", out(), "--force").err()).contains("2 results");
    assertThat(ids(out())).containsExactly("\"1\"", "\"3\"");
    assertThat(batch("{One\n", "-", out(), "--force", "--lines", "text").code()).isZero();
  }

  @Test
  void row3APipeIsReadOnce() throws IOException, InterruptedException {
    assertThat(process(TWO, command("/dev/stdin", out()))).contains("2 results, 0 of them errors");
    assertThat(ids(out())).containsExactly("\"a\"", "\"b\"");
  }

  /** Runs the program with a pipe as its input. */
  private static String process(String input, List<String> args)
      throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(Processes.command(args)).redirectOutput(Redirect.DISCARD).start();
    process.getOutputStream().write(input.getBytes(UTF_8));
    process.getOutputStream().close();
    String err = new String(process.getErrorStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor(180, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as(err).isZero();
    return err;
  }

  @Test
  void row3PipesAreRefusedWhereTheyAreReadTwice() throws IOException {
    Path in = write("in.jsonl", TWO);
    Path pipe = Path.of("/dev/null");
    Outcome merge = Outcome.of("", false, "merge", "--in", "" + in, "--out", "" + out(), "" + pipe);
    assertThat(merge.err()).contains("/dev/null can be read only once").hasLineCount(1);
    Outcome eval = Outcome.of("", false, "eval", "perplexity", "--text", "" + pipe);
    assertThat(eval.err()).contains("/dev/null can be read only once").hasLineCount(1);
    Outcome same = batch("", in.toString(), in, "--force");
    assertThat(same.err()).contains("--in and --out are the same file").hasLineCount(1);
    assertThat(in).hasContent(TWO);
  }

  @Test
  void row4FailedLinesAreTriedAgain() throws IOException {
    String longLine = "{\"id\":\"long\",\"prompt\":\"" + "word ".repeat(20) + "\"}\n";
    Path in = write("in.jsonl", longLine + TWO);
    Outcome first = batch("", in.toString(), out(), "--ctx", "64");
    assertThat(first.code()).isEqualTo(ExitCode.BATCH_FAILURES);
    assertThat(first.err())
        .contains("3 results, 1 of them errors", "--retry-failed tries the errors again");
    Outcome resumed = batch("", in.toString(), out(), "--ctx", "200", "--resume");
    assertThat(resumed.err()).contains("3 results, 1 of them errors (3 were there)");
    List<String> before = Files.readAllLines(out());
    Outcome retried = batch("", in.toString(), out(), "--ctx", "200", "--retry-failed");
    assertThat(retried.code()).as(retried.err()).isZero();
    assertThat(retried.err())
        .contains("3 results, 0 of them errors (2 were there)")
        .doesNotContain("--retry-failed");
    assertThat(ids(out())).containsExactly("\"a\"", "\"b\"", "\"long\"");
    assertThat(Files.readAllLines(out())).containsAll(before.subList(1, 3));
    assertThat(batch("", in.toString(), out(), "--retry-failed", "--force").code())
        .isEqualTo(ExitCode.USAGE);
  }

  /** The order of fields in a result is no accident: twice the same bytes apart from timings. */
  @Test
  void fieldsComeInOneOrder() throws IOException {
    Path in = write("in.jsonl", TWO + "{\"id\":\"bad\"}\n");
    batch("", in.toString(), out());
    String error = "id text finish_reason error";
    String whole =
        "id text finish_reason usage(prompt_tokens completion_tokens) timings(prompt_seconds"
            + " first_token_seconds tokens_per_second) seed cache(seen kept) error";
    assertThat(results(out()).stream().map(BatchCasesTest::fields))
        .containsExactlyInAnyOrder(whole, whole, error);
  }

  @Test
  void fieldsOfAnEvaluationComeInOneOrder() throws IOException {
    Path text = write("text.txt", "Once upon a time there was a whale. ".repeat(4));
    Path to = directory.resolve("perplexity");
    Outcome outcome =
        Outcome.of(
            "",
            true,
            "eval",
            "perplexity",
            "--text",
            "" + text,
            "--ctx",
            "64",
            "--out",
            "" + to,
            "--model",
            "" + MODEL);
    List<JsonNode> log = results(to.resolve("results.jsonl"));
    assertThat(log.subList(1, log.size()).stream().map(BatchCasesTest::fields))
        .as(outcome.err())
        .isNotEmpty()
        .allMatch("key loss squares count"::equals);
  }

  private static String fields(JsonNode object) {
    return object.properties().stream()
        .map(
            f ->
                f.getKey()
                    + (f.getValue().isObject() ? "(%s)".formatted(fields(f.getValue())) : ""))
        .collect(Collectors.joining(" "));
  }
}
