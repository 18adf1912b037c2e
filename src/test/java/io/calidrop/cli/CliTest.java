package io.calidrop.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calidrop.AnsweringModel;
import io.calidrop.MicroModel;
import io.calidrop.TestData;
import io.calidrop.bench.RandomModel;
import io.calidrop.gguf.GgufCopy;
import io.calidrop.gguf.GgufFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Commands as a user runs them, in this process. */
class CliTest {
  @TempDir private Path directory;

  private static Outcome run(String... args) {
    return Outcome.of("", true, args);
  }

  private static String[] withModel(String... args) {
    return with(AnsweringModel.file(), args);
  }

  private static String[] withDefaultModel(String... args) {
    return with(TestData.smolLm2(), args);
  }

  private static String[] with(Path model, String... args) {
    List<String> all = new ArrayList<>(List.of(args));
    all.addAll(List.of("--model", model.toString()));
    return all.toArray(String[]::new);
  }

  @Test
  void writesAScriptForTheShellsCompletion() {
    Outcome outcome = Outcome.of("", false, "generate-completion");
    assertThat(outcome.code()).as(outcome.err()).isZero();
    assertThat(outcome.out())
        .contains("complete -F _complete_calidrop -o default calidrop")
        .contains("--parallel", "perplexity");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "chat",
        "run",
        "batch",
        "merge",
        "pull",
        "list",
        "inspect",
        "tokenize",
        "bench",
        "eval",
        "bench model",
        "bench kernels",
        "bench roofline",
        "bench make-model",
        "eval quality",
        "eval tasks",
        "eval perplexity",
        "eval error",
        "eval cost"
      })
  void everyCommandHelpsWithExamplesThatFitTheScreen(String command) {
    Outcome outcome = run((command + " --help").strip().split(" "));
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out()).contains("Usage: " + ("calidrop " + command).strip());
    List<String> lines = outcome.out().lines().toList();
    assertThat(lines).containsAnyOf("Examples:", "Example:");
    int examples = Math.max(lines.indexOf("Examples:"), lines.indexOf("Example:"));
    assertThat(lines.subList(examples + 1, lines.size()))
        .as("a line that is broken loses its indentation")
        .isNotEmpty()
        .allMatch(line -> line.startsWith("  "));
  }

  @Test
  void coloursHelpWhereItIsAsked() {
    String escape = "\u001b[";
    assertThat(Outcome.of("", false, "run", "--help").out()).doesNotContain(escape);
    assertThat(Outcome.of("", false, "run", "--help", "--color", "always").out()).contains(escape);
    assertThat(Outcome.of("", true, "run", "--help", "--color", "never").out())
        .doesNotContain(escape);
    assertThat(Outcome.of("", false, "run", "--help", "--color", "pink").code())
        .isEqualTo(ExitCode.USAGE);
  }

  @Test
  void answersAPromptOnStdoutAlone() {
    Outcome outcome =
        run(withDefaultModel("run", "-p", "What is the capital of France?", "--temp", "0"));
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out()).isEqualTo("The capital of France is Paris.\n");
    assertThat(outcome.err())
        .startsWith("[load ")
        .contains(
            "prompt 37 tokens", "generated 7 tokens", "context 44/8192", "end of turn", "seed ")
        .hasLineCount(1);
  }

  @Test
  void promptsComposeInOrderAndQuietIsQuiet() throws IOException {
    Path file = Files.writeString(directory.resolve("rest.txt"), "capital of");
    String[] args =
        withModel(
            "run",
            "-p",
            "The",
            "-f",
            file.toString(),
            "-",
            "--raw",
            "--temp",
            "0",
            "-n",
            "1",
            "-q");
    Outcome outcome = Outcome.of("France is", false, args);
    assertThat(outcome.code()).isZero();
    assertThat(outcome.err()).isEmpty();
    Outcome tokens =
        Outcome.of(
            "France is",
            false,
            withDefaultModel("tokenize", "-p", "The", "-f", file.toString(), "-"));
    assertThat(tokens.out().lines().map(line -> line.strip().split("\\s+", 2)[1]))
        .containsExactly("The", "Ċ", "capital", "Ġof", "Ċ", "France", "Ġis");
  }

  /** Row 7 of the cases. */
  @Test
  void stdinIsLeftAloneWhereATextIsGiven() throws IOException {
    Path file = Files.writeString(directory.resolve("a.txt"), "A");
    for (String option : List.of("-p", "-f")) {
      String value = option.equals("-p") ? "A" : file.toString();
      Outcome outcome =
          Outcome.of("BCD", false, "tokenize", option, value, "-m", MicroModel.file().toString());
      assertThat(outcome.err()).isEqualTo("1 tokens\n");
    }
  }

  /** Row 8 of the cases: an option's value is what follows it. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "-name in find: what is it?",
        "-v",
        "@@ -1,3 +1,4 @@",
        "@pom.xml",
        "--help",
        "list",
        "--",
        "-",
        "\"quoted\" ${x}"
      })
  void anOptionsValueIsTakenLiterally(String value) throws IOException {
    String model = MicroModel.file().toString();
    Path file = Files.writeString(directory.resolve("value.txt"), value);
    String expected = run("tokenize", "-f", file.toString(), "-m", model).out();
    String tokens =
        expected
            .lines()
            .map(line -> line.strip().split("\\s+", 2)[1])
            .collect(Collectors.joining());
    assertThat(tokens.replace('Ġ', ' ')).isEqualTo(value);
    assertThat(run("tokenize", "-p", value, "-m", model).out()).isEqualTo(expected);
    assertThat(run("tokenize", "--prompt=" + value, "-m", model).out()).isEqualTo(expected);
    String[] options = {"--system", value, "--stop", value, "-m", "absent"};
    assertThat(Outcome.of("x", false, options).err()).startsWith("calidrop: no model absent");
  }

  @Test
  void whatFollowsTwoDashesIsNoOption() {
    assertThat(run("inspect", "--", "--help").err()).contains("no model --help");
    assertThat(run("--color", "never", "list", "--models-dir", "/").code()).isZero();
    assertThat(run("--color").err()).contains("Missing required parameter for option '--color'");
  }

  @Test
  void pipedTextWithoutACommandIsAnswered() {
    Outcome outcome =
        Outcome.of("What is the capital of France?", false, withModel("--temp", "0", "-q"));
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out()).contains("Paris");
  }

  @Test
  void theLineEndThatClosesAPipeIsNoPartOfTheQuestion() {
    String[] options = withModel("run", "--temp", "0", "-n", "1", "--json");
    String tokens = promptTokens(Outcome.of("What is the capital of France?", false, options));
    for (String ending : List.of("\n", "\r\n")) {
      Outcome outcome = Outcome.of("What is the capital of France?" + ending, false, options);
      assertThat(promptTokens(outcome)).isEqualTo(tokens);
    }
    Outcome two = Outcome.of("What is the capital of France?\n\n", false, options);
    assertThat(promptTokens(two)).isNotEqualTo(tokens);
  }

  private static String promptTokens(Outcome outcome) {
    return outcome.out().replaceAll("(?s).*(\"prompt_tokens\" : \\d+).*", "$1");
  }

  @Test
  void chatsLineByLine() {
    Outcome outcome =
        Outcome.of(
            "/help\n/nonsense\nWhat is the capital of France?\n/clear\n/bye\nignored\n",
            true,
            withModel("chat", "--temp", "0", "-n", "16"));
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out()).isEqualTo("The capital of France is Paris.\n");
    assertThat(outcome.err()).contains("unknown command /nonsense", "forgot 2 messages", "[load ");
  }

  @Test
  void stopStringsAndLimitsAreNamed() {
    Outcome outcome =
        run(
            withModel(
                "run", "-p", "What is the capital of France?", "--temp", "0", "--stop", " is"));
    assertThat(outcome.out()).isEqualTo("The capital of France\n");
    assertThat(outcome.err()).contains("| stop string |");
  }

  static Stream<Arguments> usageErrors() {
    return Stream.of(
        arguments("Unknown option: '--nope'", new String[] {"run", "--nope"}),
        arguments("'--tmp'; is it --temp? (calidrop run", new String[] {"run", "--tmp", "1"}),
        arguments(
            "there is no command btach; is it batch? (calidrop --help",
            new String[] {"btach", "--in", "x"}),
        arguments("subcommand: quality, tasks, perplexity", new String[] {"eval"}),
        arguments("'qualty'; is it quality?", new String[] {"eval", "qualty"}),
        arguments("'-p', 'Hi'; `run -p TEXT` answers a prompt", new String[] {"-p", "Hi"}),
        arguments(
            "there is no command Who is it?; `run -p TEXT` answers a prompt",
            new String[] {"Who is it?"}),
        arguments("'--temp': 'hot' is no number", new String[] {"run", "--temp", "hot"}),
        arguments("'--top-k': '1.5' is no whole number", new String[] {"run", "--top-k", "1.5"}),
        arguments(
            "--system needs the chat template",
            new String[] {"run", "-p", "x", "--raw", "--system", "y"}),
        arguments(
            "--chat-template needs the chat template that --raw switches off",
            new String[] {"run", "-p", "x", "--raw", "--chat-template", "y.jinja"}),
        arguments(
            "--template-arg needs the chat template that --raw switches off",
            new String[] {"run", "-p", "x", "--raw", "--template-arg", "y=1"}),
        arguments(
            "--template-arg: the value of effort is no JSON: low; a text needs quotes, in a shell 'effort=\"low\"'",
            new String[] {"run", "-p", "x", "--template-arg", "effort=low"}),
        arguments("temperature is -1.0, allowed", new String[] {"run", "-p", "x", "--temp", "-1"}),
        arguments("top-p is -1.0, allowed", new String[] {"run", "-p", "x", "--top-p", "-1"}),
        arguments("--threads must be at least 1", new String[] {"run", "-p", "x", "-t", "0"}),
        arguments("--ctx must be at least 1", new String[] {"run", "-p", "x", "-c", "-5"}),
        arguments("the number of tokens must be", new String[] {"run", "-p", "x", "-n", "0"}),
        arguments(
            "'--kv-type': \"q4\" is none of f32, f16, q8_0, q5_0, q4_0, and no pair such as k5v4",
            new String[] {"run", "--kv-type", "q4"}),
        arguments(
            "'--kv-type': \"k5v3\" is none of f32, f16, q8_0, q5_0, q4_0, and no pair such as k5v4",
            new String[] {"run", "--kv-type", "k5v3"}),
        arguments(
            "Invalid value for option '--cache-type-v'",
            new String[] {"run", "--cache-type-v", "k5v4"}),
        arguments("no text: give -p", new String[] {"run"}),
        arguments("unexpected argument hello", new String[] {"run", "hello"}),
        arguments("--sha256 and --force need a SOURCE", new String[] {"pull", "--force"}),
        arguments("expected one of", new String[] {"bench", "kernels", "--type", "q9"}),
        arguments("no kernel for F64", new String[] {"bench", "kernels", "--type", "f64"}),
        arguments("--threads must be", new String[] {"bench", "roofline", "-t", "0"}),
        arguments("Missing required parameter: 'FILE'", new String[] {"inspect"}));
  }

  @ParameterizedTest
  @MethodSource("usageErrors")
  void usageErrorsAreOneLineAndExitWithTwo(String message, String[] args) {
    Outcome outcome = run(args);
    assertThat(outcome.code()).isEqualTo(ExitCode.USAGE);
    assertThat(outcome.out()).isEmpty();
    assertThat(outcome.err()).startsWith("calidrop: ").contains(message, "--help").hasLineCount(1);
  }

  @Test
  void modelErrorsAreOneLineAndExitWithOne() throws IOException {
    Path file = Files.writeString(directory.resolve("bad.gguf"), "<html>no model</html>");
    Outcome outcome = run("run", "-p", "x", "--model", file.toString());
    assertThat(outcome.code()).isEqualTo(ExitCode.ERROR);
    assertThat(outcome.err()).startsWith("calidrop: " + file + ": not a GGUF file").hasLineCount(1);
    Outcome debug = run("run", "-p", "x", "--model", file.toString(), "--debug");
    assertThat(debug.err()).contains("\tat io.calidrop");
    Outcome absent = run("run", "-p", "x", "--model", "absent");
    assertThat(absent.err()).startsWith("calidrop: no model absent").hasLineCount(1);
    Outcome prompt = run("run", "-f", directory.resolve("absent.txt").toString());
    assertThat(prompt.err())
        .isEqualTo("calidrop: " + directory.resolve("absent.txt") + " does not exist\n");
  }

  @Test
  void aPromptBeyondTheContextIsRefused() {
    Outcome outcome = run(withModel("run", "--raw", "-p", "one two three four five", "-c", "3"));
    assertThat(outcome.code()).isEqualTo(ExitCode.ERROR);
    assertThat(outcome.err()).contains("more than the context of 3").hasLineCount(1);
  }

  @Test
  void listsAndInspectsModels() throws IOException {
    Path model = TestData.smolLm2();
    JsonNode list =
        new ObjectMapper()
            .readTree(run("list", "--json", "--models-dir", model.getParent().toString()).out());
    assertThat(list.findValuesAsText("name")).contains(model.getFileName().toString());
    JsonNode inspection =
        new ObjectMapper().readTree(run("inspect", "--json", model.toString()).out());
    assertThat(inspection.get("parameters").longValue()).isEqualTo(134_515_008);
    assertThat(inspection.get("kv_bytes_per_token_f16").longValue()).isEqualTo(23_040);
    assertThat(inspection.get("unsupported")).isEmpty();
    assertThat(inspection.get("tensors")).hasSize(272);
    assertThat(run("inspect", model.toString()).out())
        .contains("llama.block_count", "token_embd.weight", "supported");
    assertThat(run("list", "--models-dir", directory.toString()).err()).contains("no models in");
  }

  @Test
  void tokensAsJson() throws IOException {
    Outcome outcome =
        run(withDefaultModel("tokenize", "--json", "--special", "-p", "Hi<|im_end|>"));
    JsonNode tokens = new ObjectMapper().readTree(outcome.out());
    assertThat(tokens.findValuesAsText("id")).containsExactly("26843", "2");
    assertThat(tokens.get(1).get("piece").textValue()).isEqualTo("<|im_end|>");
  }

  @Test
  void benchPrintsATableInAnyFormat() {
    String sizes = "-p 8 -n 2 --first 2 -r 1 --format csv";
    String[] args = withModel(("bench model " + sizes).split(" "));
    Outcome outcome = run(args);
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out())
        .startsWith("model,threads,type_kv,test,t/s,±,read GB/s,% of read\n")
        .containsPattern("(?m),tg1 @ d0,.*\n.*,tg1 @ d1,.*\n.*,pp8,")
        .containsPattern("(?m),pp8,[\\d.]+,[\\d.]+,[\\d.]+,$")
        .containsPattern("(?m),tg2,[\\d.]+,[\\d.]+,[\\d.]+,[\\d.]+$");
  }

  @ParameterizedTest
  @ValueSource(strings = {"q4_0", "q4_k_m", "f16"})
  void makesModelsThatRun(String type) {
    String file = directory.resolve("random.gguf").toString();
    // 576 columns are no whole block of a k-quant: that shape does not exist in it.
    Outcome made = run("bench", "make-model", "--shape", "135m", "--type", type, file);
    if (type.equals("q4_k_m")) {
      assertThat(made.code()).isEqualTo(ExitCode.ERROR);
      assertThat(made.err()).contains("576 columns").hasLineCount(1);
      return;
    }
    assertThat(made.code()).isZero();
    assertThat(run("bench", "make-model", "--shape", "135m", "--type", type, file).err())
        .contains("is there already");
    Outcome bench = run("bench", "model", "-m", file, "-p", "4", "-n", "1", "-r", "1", "--json");
    assertThat(bench.code()).isZero();
    assertThat(bench.out()).contains("random 135M", "pp4", "tg1");
  }

  @Test
  void versionNamesJavaAndTheVectorWidth() {
    assertThat(run("--version").out()).contains("calidrop", "Java 2", "-bit vectors");
  }

  @Test
  void tellsTheLimitsOfTheMachine() throws IOException {
    Outcome outcome = run("bench", "roofline", "--threads", "1", "--json");
    assertThat(outcome.code()).isZero();
    JsonNode row = new ObjectMapper().readTree(outcome.out()).get(0);
    assertThat(row.get("threads").asInt()).isEqualTo(1);
    assertThat(row.get("read GB/s").asDouble()).isBetween(0.1, 10_000.0);
    assertThat(row.get("f32 FMA GFLOP/s").asDouble()).isBetween(0.1, 100_000.0);
  }

  @Test
  void refusesAFileToCompareWithThatIsNotJson() throws IOException {
    Path file = Files.writeString(directory.resolve("before.json"), "before");
    Outcome outcome = run("bench", "kernels", "--compare", file.toString());
    assertThat(outcome.code()).isEqualTo(1);
    assertThat(outcome.err()).contains("before.json is not JSON").hasLineCount(1);
  }

  @Test
  void aModelIsListedByTheNameOfItsMixture() throws IOException {
    Path model = directory.resolve("of-layers.gguf");
    new RandomModel(RandomModel.Shape.STINY, RandomModel.Mix.Q4_0).write(model);
    GgufCopy.write(model, directory.resolve("named.gguf"), Map.of("general.file_type", 15));
    GgufCopy.write(model, directory.resolve("unknown.gguf"), Map.of("general.file_type", 99));
    assertThat(run("list", "--models-dir", directory.toString(), "--format", "csv").out())
        .as("the vocabulary is of Q8_0")
        .containsPattern("of-layers.gguf,[^,]*,Q4_0,")
        .containsPattern("named.gguf,[^,]*,Q4_K_M,")
        .containsPattern("unknown.gguf,[^,]*,Q4_0,");
  }

  @Test
  void damagedWeightsAreALineThatNamesTheFile() throws IOException {
    Path model = directory.resolve("damaged.gguf");
    new RandomModel(RandomModel.Shape.STINY, RandomModel.Mix.F32).write(model);
    try (GgufFile file = GgufFile.open(model);
        FileChannel channel = FileChannel.open(model, StandardOpenOption.WRITE)) {
      byte[] ones = new byte[Float.BYTES];
      Arrays.fill(ones, (byte) -1); // NaN
      channel.write(
          ByteBuffer.wrap(ones), file.tensor("output_norm.weight").orElseThrow().offset());
    }
    Outcome outcome = run("run", "--raw", "-p", "hi", "-m", model.toString());
    assertThat(outcome.code()).isEqualTo(1);
    assertThat(outcome.err())
        .contains("damaged.gguf: its weights are damaged", "is NaN")
        .hasLineCount(1);
  }

  @Test
  void listsModelsAsATable() throws IOException {
    Files.writeString(directory.resolve("broken.gguf"), "GGUF");
    Outcome outcome = run("list", "--models-dir", directory.toString(), "--format", "csv");
    assertThat(outcome.code()).isZero();
    assertThat(outcome.out())
        .startsWith("name,size,type,parameters,path or problem")
        .contains("broken");
  }
}
