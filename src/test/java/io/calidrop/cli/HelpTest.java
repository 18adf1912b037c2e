package io.calidrop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.QuerySample;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.generate.GenerationOptions;
import io.calidrop.sampling.SamplerOptions;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Row 15: help that can be read. */
class HelpTest {
  private static final List<String> HEADINGS =
      Arrays.stream(HelpGroup.Heading.values()).map(heading -> heading + ":").toList();

  private static List<String> help(String command) {
    String[] args = Stream.of((command + " --help").split(" ")).toArray(String[]::new);
    return Outcome.of("", false, args).out().lines().toList();
  }

  /** The text of an option, its lines joined. */
  private static String option(List<String> help, String name) {
    List<String> lines =
        help.stream()
            .dropWhile(line -> !line.matches("  (-\\w, |    )" + name + "($|[= ].*)"))
            .toList();
    assertThat(lines).as(name).isNotEmpty();
    List<String> rest = lines.stream().skip(1).takeWhile(line -> line.matches(" {20,}.*")).toList();
    return (lines.getFirst() + " " + String.join(" ", rest)).replaceAll("\\s+", " ");
  }

  private static List<String> headings(List<String> help) {
    return help.stream().filter(HEADINGS::contains).toList();
  }

  @ParameterizedTest
  @ValueSource(strings = {"run", "chat"})
  void optionsStandUnderHeadings(String command) {
    List<String> help = help(command);
    assertThat(headings(help))
        .containsSubsequence(
            "Generation:", "Sampling:", "Cache:", "Calibration:", "Model and machine:", "Output:");
    assertThat(help).containsSubsequence("Prompt:", "Generation:");
    assertThat(help.indexOf("Sampling:"))
        .isLessThan(indexOf(help, "--temp"))
        .isLessThan(indexOf(help, "--seed"));
    assertThat(indexOf(help, "--seed")).isLessThan(indexOf(help, "--presence-penalty"));
    assertThat(indexOf(help, "--presence-penalty")).isLessThan(help.indexOf("Cache:"));
    assertThat(indexOf(help, "--model")).isLessThan(indexOf(help, "--models-dir"));
    assertThat(help.getFirst()).startsWith("Usage: calidrop " + command + " [OPTIONS]");
  }

  private static int indexOf(List<String> help, String option) {
    return (int)
        help.stream().takeWhile(line -> !line.matches(".* " + option + "(=.*| .*|)")).count();
  }

  @ParameterizedTest
  @ValueSource(strings = {"batch", "eval quality", "eval tasks", "bench model", "inspect", "pull"})
  void headingsComeInOneOrderEverywhere(String command) {
    List<String> help = help(command);
    assertThat(HEADINGS).containsSubsequence(headings(help));
    assertThat(headings(help)).endsWith("Output:").doesNotHaveDuplicates();
    assertThat(option(help, "--help")).contains("Show this help.");
    assertThat(option(help, "--color")).contains("Default: auto.");
  }

  @Test
  void defaultsArePrintedFromWhereTheyAreDefined() {
    List<String> help = help("run");
    SamplerOptions sampling = SamplerOptions.defaults();
    assertDefault(help, "--n-predict", GenerationOptions.defaults().maxTokens());
    assertDefault(help, "--temp", sampling.temperature());
    assertDefault(help, "--top-k", sampling.topK());
    assertDefault(help, "--top-p", sampling.topP());
    assertDefault(help, "--min-p", sampling.minP());
    assertDefault(help, "--typical", sampling.typicalP());
    assertDefault(help, "--repeat-penalty", sampling.repeatPenalty());
    assertDefault(help, "--repeat-last-n", sampling.repeatLastN());
    assertDefault(help, "--frequency-penalty", sampling.frequencyPenalty());
    assertDefault(help, "--presence-penalty", sampling.presencePenalty());
    CacheBudget budget = CacheBudget.of(100);
    assertDefault(help, "--sinks", budget.sinks());
    assertDefault(help, "--window", budget.window());
    assertDefault(help, "--prune-interval", budget.pruneInterval());
    assertDefault(help, "--compress", budget.compress().toString().toLowerCase(Locale.ROOT));
    assertDefault(help, "--positions", budget.positions().toString().toLowerCase(Locale.ROOT));
    assertDefault(help, "--calibration-rows", CalibrationOptions.DEFAULT_ROWS);
    assertDefault(help, "--calibration-window", QuerySample.DEFAULT_WINDOW);
    assertDefault(help, "--calibration-samples", QuerySample.DEFAULT_SAMPLES);
    assertThat(option(help, "--policy")).contains(String.join(", ", EvictionPolicies.names()));
    assertThat(option(help, "--kv-type"))
        .contains("f32, f16, q8_0, q5_0, q4_0, or a pair such as k5v4");
  }

  @ParameterizedTest
  @CsvSource({
    "run -p hi --compress x, once, rolling",
    "run -p hi --store x, auto, none",
    "list --format x, table, json",
    "bench make-model --shape tiny --type x y, q4_k_m, iq4_xs",
    "eval tasks --order x, aware, agnostic"
  })
  void choicesAreToldAsTheyAreTyped(String command, String first, String last) {
    Outcome outcome = Outcome.of("", false, command.split(" "));
    assertThat(outcome.code()).isEqualTo(ExitCode.USAGE);
    assertThat(outcome.err())
        .contains(", but was 'x' (")
        .containsPattern("\\b%s\\b.*\\b%s\\b".formatted(first, last))
        .hasLineCount(1);
  }

  @Test
  void shellsCompleteChoicesAsTheyAreTyped() {
    Outcome outcome = Outcome.of("", false, "generate-completion");
    assertThat(outcome.err()).isEmpty();
    List<String> choices =
        outcome.out().lines().filter(line -> line.contains("_option_args=(\"")).toList();
    assertThat(choices)
        .isNotEmpty()
        .allSatisfy(line -> assertThat(line.replaceFirst(".*_option_args=", "")).isLowerCase());
    assertThat(help("bench make-model").toString()).contains("f32, f16, bf16, q4_0");
  }

  private static void assertDefault(List<String> help, String name, Object value) {
    assertThat(option(help, name)).containsPattern("Default: \\Q" + value + "\\E[.,]( |$)");
  }
}
