package io.calidrop.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calidrop.MicroModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Bounded caches on the command line. */
class CacheFlagsTest {
  @TempDir private Path directory;

  private static Outcome run(String... args) {
    return Outcome.of("", true, args);
  }

  private static String model() {
    return MicroModel.file().toString();
  }

  private Path longText() throws IOException {
    String sentence = "It was a long story of a whale, and nobody knew where it would end. ";
    return Files.writeString(directory.resolve("long.txt"), sentence.repeat(330));
  }

  @ParameterizedTest
  @CsvSource({
    "--kv-type Q4_0, q4_0",
    "--kv-type k5v4, k5v4",
    "--kv-type k8v8, q8_0",
    "--kv-type K16V4, k16v4",
    "--cache-type-v q5_0, k16v5",
    "--kv-type k5v4 --cache-type-k q8_0, k8v4",
    "--cache-type-k q4_0 --cache-type-v q4_0 --budget 64, q4_0"
  })
  void keysAndValuesHaveTypesOfTheirOwn(String options, String types) {
    String line = "--verbose run --raw -p sea -n 2 --model " + model() + " " + options;
    Outcome outcome = run(line.split(" "));
    assertThat(outcome.code()).as(outcome.err()).isZero();
    assertThat(outcome.err()).containsPattern("in memory, cache " + types + "\\b");
  }

  @Test
  void aTextBeyondTheContextRunsInBoundedMemory() throws IOException {
    Outcome outcome =
        run(
            "run",
            "--raw",
            "-f",
            longText().toString(),
            "--budget",
            "128",
            "--store",
            "ram",
            "-n",
            "4",
            "--json",
            "--model",
            model());
    assertThat(outcome.code()).as(outcome.err()).isZero();
    assertThat(outcome.err()).isEmpty();
    JsonNode json = new ObjectMapper().readTree(outcome.out());
    assertThat(json.get("text").asText()).isNotEmpty();
    assertThat(json.get("generated_tokens").asInt()).isEqualTo(4);
    assertThat(json.get("prompt_tokens").asInt()).isGreaterThan(10_000);
    assertThat(json.get("context_limit").isNull()).isTrue();
    JsonNode cache = json.get("cache");
    assertThat(cache.get("seen").asInt()).isEqualTo(json.get("context_used").asInt());
    assertThat(cache.get("kept").asDouble()).isBetween(128.0, 256.0);
    assertThat(cache.get("kept").asDouble() + cache.get("stored").asDouble())
        .isEqualTo(cache.get("seen").asInt());
    assertThat(cache.get("folded").asDouble()).isZero();
    assertThat(cache.get("calibration_rows").asDouble()).isZero();
    assertThat(cache.get("recomputed_rows").asDouble()).isBetween(200.0, 256.0);
    assertThat(cache.get("skipped_rows").asDouble()).isGreaterThan(2000);
    assertThat(cache.get("calibrated_rows").asDouble()).isZero();
    assertThat(cache.get("active_bytes").asLong()).isLessThan(1 << 20);
    assertThat(cache.get("calibration_bytes").asLong()).isBetween(1L << 14, 1L << 18);
    assertThat(cache.get("stored_bytes").asLong()).isGreaterThan(1 << 19);
    assertThat(cache.get("sketch_bytes").asLong()).isGreaterThan(1 << 17);
    assertThat(cache.get("prunes").asInt()).isGreaterThan(70);
    assertThat(cache.get("prune_seconds").asDouble()).isPositive();
  }

  @Test
  void theStatisticsLineTellsWhatHappened() {
    Outcome outcome =
        run(
            "run",
            "-p",
            "Tell me a story.",
            "--budget",
            "40",
            "--prune-interval",
            "16",
            "--store",
            "file",
            "--recall",
            "16",
            "-n",
            "60",
            "--temp",
            "0",
            "--model",
            model());
    assertThat(outcome.code()).as(outcome.err()).isZero();
    assertThat(outcome.err())
        .hasLineCount(1)
        .containsPattern(
            "cache \\d\\d of \\d\\d tokens, [\\d.]+ MiB \\+ calibration [\\d.]+ MiB"
                + " \\+ store of \\d\\d tokens [\\d.]+ MiB \\+ sketches [\\d.]+ MiB \\+ hot blocks [\\d.]+ MiB, \\d+ % hits, of evicted rows a step"
                + " recomputed 1\\d, skipped \\d+, calibrated 0, \\d prunes in");
  }

  static Stream<Arguments> plans() {
    return Stream.of(
        arguments("f16, every token, \\d+\\.\\d MiB", "--kv-memory 64M"),
        arguments("q8_0, every token", "--kv-memory 64M --kv-type q8_0"),
        arguments("\\w+, every token", "--kv-memory 500K --ctx 256"),
        arguments("k5v4, \\d+ rows a head, \\w+, calibration \\w+", "--kv-memory 200K"),
        arguments("f16, \\d+ rows a head, tova, ", "--kv-memory 500K --kv-type f16 --policy tova"),
        arguments("calibration fold of 16 rows", "--kv-memory 200K --calibration-rows 16"),
        arguments("calibration off", "--kv-memory 200K --calidrop off"),
        arguments("f16, 100 rows a head", "--kv-memory 64M --budget 100"),
        arguments("f16, \\d+ rows a head", "--kv-memory 64M --on-full evict"),
        arguments(
            "f16, 512 rows a head, streaming, calibration off, .* store .* in ram, of which 9 rows",
            "--recall 9 --kv-type k5v4"));
  }

  static Stream<Arguments> defaults() {
    String stored =
        "100 rows a head, streaming, calibration fold of 128 rows, [\\d.]+ MiB at most, and besides a"
            + " store of [\\d.]+ KiB a token, 102[34].\\d MiB at most, in ram, later a file, of which 256 rows";
    String alone = ", [\\d.]+ MiB at most\\R";
    return Stream.of(
        arguments(stored, "--budget 100"),
        arguments("k5v4, .* streaming, .* besides a store of", "--kv-memory 200K"),
        arguments("h2o, .* besides a store of .* 256 rows", "--budget 100 --policy h2o"),
        arguments("streaming, .* in ram, later a file, of which 9 rows", "--budget 100 --recall 9"),
        arguments(" (2.0|1.9) MiB at most, in file", "--budget 100 --store file --store-size 2M"),
        arguments("besides a store of", "--on-full evict"),
        arguments("h2o, calibration fold of 128 rows" + alone, "--on-full evict --store none"),
        arguments("h2o, calibration fold of 128 rows" + alone, "--budget 100 --store none"),
        arguments("h2o, calibration fold of 128 rows" + alone, "--budget 100 --calidrop fold"),
        arguments("h2o, calibration off" + alone, "--budget 100 --calidrop off"),
        arguments("streaming, .* besides", "--budget 100 --calidrop off --store auto"),
        arguments("kvzip, calibration fold of 128 rows" + alone, "--budget 100 --compress once"));
  }

  /** Evicted tokens are stored unless the user wants something else of them, or few bytes. */
  @ParameterizedTest
  @MethodSource("defaults")
  void evictedTokensAreStoredUnlessToldOtherwise(String cache, String flags) {
    bytesAreSpentAsIsBestUnlessToldOtherwise(cache, flags);
  }

  @Test
  void elsewhereNothingIsStoredUnlessAskedFor() {
    Outcome outcome =
        run(
            "--verbose",
            "bench",
            "model",
            "-p",
            "4",
            "-n",
            "2",
            "-r",
            "1",
            "--budget",
            "100",
            "--model",
            model());
    assertThat(outcome.code()).as(outcome.err()).isZero();
    assertThat(outcome.err())
        .contains("100 rows a head, h2o, calibration fold")
        .doesNotContain("store");
  }

  @ParameterizedTest
  @MethodSource("plans")
  void bytesAreSpentAsIsBestUnlessToldOtherwise(String cache, String flags) {
    Outcome outcome =
        run(
            Stream.concat(
                    Stream.of("run", "-p", "hi", "-n", "2", "--verbose", "--model", model()),
                    Stream.of(flags.split(" ")))
                .toArray(String[]::new));
    assertThat(outcome.code()).as(outcome.err()).isZero();
    assertThat(outcome.err()).containsPattern("in memory, cache .*" + cache);
  }

  @Test
  void thePlanIsToldAsJson() throws IOException {
    Outcome outcome =
        run("run", "-p", "hi", "--kv-memory", "64M", "-n", "2", "--json", "--model", model());
    assertThat(outcome.code()).as(outcome.err()).isZero();
    JsonNode plan = new ObjectMapper().readTree(outcome.out()).get("cache_options");
    assertThat(plan.get("kv_types").asText()).isEqualTo("f16");
    assertThat(plan.get("budget").isNull()).isTrue();
    assertThat(plan.get("policy").asText()).isEqualTo("full");
    assertThat(plan.get("calidrop").asText()).isEqualTo("off");
    assertThat(plan.get("most_bytes").asLong()).isBetween(1L, 64L << 20);
    assertThat(plan.get("store_most_bytes").isNull()).isTrue();
    Outcome stored =
        run("run", "-p", "hi", "--kv-memory", "200K", "-n", "2", "--json", "--model", model());
    plan = new ObjectMapper().readTree(stored.out()).get("cache_options");
    assertThat(plan.get("most_bytes").asLong()).isBetween(1L, 200L << 10);
    assertThat(plan.get("store").asText()).isEqualTo("auto");
    assertThat(plan.get("store_most_bytes").asLong()).isBetween(1L << 29, 1L << 30);
    assertThat(plan.get("store_bytes_per_token").asLong()).isBetween(100L, 10_000L);
  }

  @Test
  void aChatGoesOnWithABudgetAndKeepsItsSystemMessage() {
    Outcome outcome =
        run(
            "run",
            "-p",
            "hi",
            "--system",
            "Answer briefly. ".repeat(30),
            "--budget",
            "100",
            "-n",
            "2",
            "--model",
            model());
    assertThat(outcome.code()).isEqualTo(1);
    assertThat(outcome.err())
        .hasLineCount(1)
        .containsPattern("pinned tokens take more than half of the budget of 100 rows: raise");
  }

  static Stream<Arguments> refused() {
    return Stream.of(
        arguments("--policy needs a budget", "--policy h2o"),
        arguments("--calidrop needs a budget", "--calidrop off"),
        arguments("raise it to at least 36", "--budget 20"),
        arguments("raise it to at least 66", "--budget 65 --window 62"),
        arguments("too few for a cache: 4000 rows", "--budget 4000 --kv-memory 100K"),
        arguments("there is no policy \"lru\"", "--budget 100 --policy lru"),
        arguments("raise --kv-memory", "--kv-memory 10K"),
        arguments("no size such as 512K", "--kv-memory 3X"),
        arguments(
            "--calibration-rows is for --calidrop fold",
            "--budget 99 --calidrop off --calibration-rows 3"),
        arguments("--store needs a budget", "--store ram"),
        arguments("--recall needs a store", "--budget 99 --store none --recall 8"),
        arguments("--recall is for", "--budget 99 --store ram --calidrop paper --recall 8"),
        arguments("read of the store must be at least 1", "--budget 99 --store ram --recall 0"),
        arguments("--recompute-threshold is for", "--budget 99 --recompute-threshold 0.5"),
        arguments("at most the calibration window", "--budget 99 --calibration-samples 200"),
        arguments(
            "must not exceed the calibrate threshold",
            "--budget 99 --calidrop paper --calibrate-threshold 0.5 --recompute-threshold 0.6"),
        arguments("at least 1 calibration row", "--budget 99 --calibration-rows 0"));
  }

  @ParameterizedTest
  @MethodSource("refused")
  void impossibleCombinationsAreUsageErrors(String message, String flags) {
    Outcome outcome =
        run(
            Stream.concat(
                    Stream.of("run", "-p", "hi", "--model", model()), Stream.of(flags.split(" ")))
                .toArray(String[]::new));
    assertThat(outcome.code()).isEqualTo(2);
    assertThat(outcome.out()).isEmpty();
    assertThat(outcome.err()).hasLineCount(1).contains(message);
  }

  @Test
  void qualityComparesWithTheFullCache() throws IOException {
    Outcome outcome =
        run(
            "eval",
            "quality",
            "--text",
            Path.of("docs", "CALIDROP.md").toString(),
            "--first-token",
            "0",
            "--policies",
            "streaming",
            "--no-equal-bytes",
            "--prompt-tokens",
            "300",
            "--tokens",
            "40",
            "--budgets",
            "64,1000",
            "--calidrop",
            "off,fold,paper",
            "--json",
            "--model",
            model());
    assertThat(outcome.code()).as(outcome.err()).isZero();
    JsonNode rows = new ObjectMapper().readTree(outcome.out());
    assertThat(rows).hasSize(6);
    for (JsonNode row : rows) {
      if (row.get("budget").asInt() == 1000) {
        assertThat(row.get("KL").asDouble()).as("%s", row).isZero();
        assertThat(row.get("same top").asDouble()).isEqualTo(1);
        assertThat(row.get("perplexity")).isEqualTo(row.get("full"));
      } else {
        assertThat(row.get("KL").asDouble()).as("%s", row).isPositive();
      }
    }
    Outcome shortText =
        run(
            "eval",
            "quality",
            "--text",
            longText().toString(),
            "--first-token",
            "10500",
            "--model",
            model());
    assertThat(shortText.code()).isEqualTo(1);
    assertThat(shortText.err()).hasLineCount(1).contains("choose another --first-token");
  }
}
