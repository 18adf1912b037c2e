package io.calidrop.cli;

import io.calidrop.attention.CacheOptions;
import io.calidrop.bench.ModelBenchmark;
import io.calidrop.bench.Roofline;
import io.calidrop.generate.Engine;
import io.calidrop.model.ModelConfig;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Measures prefill and decoding of a model. */
@Command(
    name = "model",
    description = {
      "Measures prefill (pp) and decoding (tg) in tokens per second.",
      "A machine's memory may be twice as fast in one minute as in another: how fast it reads is "
          + "measured after each test, and \"%% of read\" is the share of it that decoding read "
          + "weights with."
    },
    footer = {
      "",
      "Examples:",
      "  ./run.sh bench model -p 256 -n 128",
      "  ./run.sh bench model -m model.gguf -d 0,4096 -r 5 --format json"
    })
final class BenchModelCommand implements Callable<Integer> {
  @ParentCommand private BenchCommand parent;
  @Spec private CommandSpec spec;
  @Mixin private HelpFlag help;
  @Mixin private ModelFlags model;
  @Mixin private TableFlags table;

  @Option(
      names = {"-p", "--n-prompt"},
      paramLabel = "N",
      split = ",",
      defaultValue = "256",
      description = "Prompt lengths, 0 for none. Default: ${DEFAULT-VALUE}.")
  private List<Integer> prompts;

  @Option(
      names = {"-n", "--n-gen"},
      paramLabel = "N",
      split = ",",
      defaultValue = "64",
      description = "Tokens to generate, 0 for none. Default: ${DEFAULT-VALUE}.")
  private List<Integer> generations;

  @Option(
      names = {"-d", "--n-depth"},
      paramLabel = "N",
      split = ",",
      defaultValue = "0",
      description = "Tokens in the context before. Default: ${DEFAULT-VALUE}.")
  private List<Integer> depths;

  @Option(
      names = "--first",
      paramLabel = "N",
      defaultValue = "0",
      description = "Also measure each of the first N tokens after loading. Default: none.")
  private int first;

  @Option(
      names = "--guess",
      paramLabel = "N",
      split = ",",
      description = "Also measure generating with N tokens guessed for each pass.")
  private List<Integer> guesses = List.of();

  @Option(
      names = "--acceptance",
      paramLabel = "P",
      defaultValue = "0.8",
      description =
          "How likely a guess is right where those before it are. Default: ${DEFAULT-VALUE}.")
  private double acceptance;

  @Option(
      names = {"-r", "--repetitions"},
      paramLabel = "N",
      defaultValue = "5",
      description = "Repetitions of each test. Default: ${DEFAULT-VALUE}.")
  private int repetitions;

  @Override
  public Integer call() throws IOException {
    if (repetitions < 1) {
      throw new ParameterException(spec.commandLine(), "-r must be at least 1");
    }
    if (first < 0) {
      throw new ParameterException(spec.commandLine(), "--first must not be negative");
    }
    if (guesses.stream().anyMatch(n -> n < 1 || n > ModelBenchmark.MOST_GUESSES)) {
      throw new ParameterException(
          spec.commandLine(), "--guess: from 1 to " + ModelBenchmark.MOST_GUESSES);
    }
    CalidropCommand root = parent.root();
    List<Map<String, Object>> rows = new ArrayList<>();
    try (Engine engine = model.load(root.io(), root.verbose())) {
      ModelBenchmark benchmark =
          new ModelBenchmark(engine.model(), engine.cacheOptions(), repetitions);
      if (first > 0) {
        for (ModelBenchmark.Result token : benchmark.first(first)) {
          rows.add(row(engine, token, weightsRead(engine)));
        }
      }
      for (int depth : depths) {
        for (int count : prompts) {
          if (count > 0) {
            rows.add(row(engine, benchmark.prefill(count, depth), Double.NaN));
          }
        }
        for (int count : generations) {
          if (count > 0) {
            rows.add(row(engine, benchmark.decode(count, depth), weightsRead(engine)));
            for (int guessed : guesses) {
              ModelBenchmark.Result result = benchmark.speculate(count, depth, guessed, acceptance);
              rows.add(row(engine, result, Double.NaN));
            }
          }
        }
      }
    }
    table.print(root.io().out(), rows);
    return ExitCode.OK;
  }

  /** GB that a token reads of the weights; NaN for a mixture, whose tokens read different ones. */
  private static double weightsRead(Engine engine) {
    return engine.model().config().experts().count() > 0
        ? Double.NaN
        : engine.model().residentBytes() / 1e9;
  }

  /**
   * @param read GB that a token reads, or NaN
   */
  private Map<String, Object> row(Engine engine, ModelBenchmark.Result result, double read) {
    ModelConfig config = engine.model().config();
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("model", config.name());
    row.put("threads", engine.model().threads());
    CacheOptions cache = engine.cacheOptions();
    row.put("type_kv", CacheText.types(cache));
    cache
        .budget()
        .ifPresent(
            budget -> {
              row.put("budget", budget.rows());
              row.put("policy", cache.policy().name());
              row.put("calidrop", CacheText.mode(cache));
            });
    row.put("test", result.test());
    row.put("t/s", Math.round(result.mean() * 100) / 100.0);
    row.put("±", Math.round(result.deviation() * 100) / 100.0);
    double gigabytes = Roofline.readGigabytes(engine.model().threads());
    row.put("read GB/s", Figures.round(gigabytes, 3));
    row.put("% of read", Figures.round(100 * read * result.mean() / gigabytes, 3));
    return row;
  }
}
