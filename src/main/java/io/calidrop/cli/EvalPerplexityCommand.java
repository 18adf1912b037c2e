package io.calidrop.cli;

import io.calidrop.attention.CacheChoice;
import io.calidrop.eval.Perplexity;
import io.calidrop.generate.Engine;
import io.calidrop.report.Chart;
import io.calidrop.report.Report;
import io.calidrop.report.ResultLog;
import io.calidrop.report.Table;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
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

/** Perplexity of a text. */
@Command(
    name = "perplexity",
    description =
        "Perplexity as llama.cpp counts it: the text in windows of --ctx tokens, each begun anew, of "
            + "which the second half is predicted. With a budget, of the bounded cache.",
    footer = {
      "",
      "Examples:",
      "  ./run.sh eval perplexity --text wiki.test.raw --ctx 512",
      "  ./run.sh eval perplexity --text book.txt --ctx 4096 --windows 8 --budget 256"
    })
final class EvalPerplexityCommand implements Callable<Integer> {
  private static final int DEFAULT_CONTEXT = 512;
  private static final int LEAST_CONTEXT = 8;

  @ParentCommand private EvalCommand parent;
  @Spec private CommandSpec spec;
  @Mixin private HelpFlag help;
  @Mixin private LoadFlags model;
  @Mixin private CacheFlags cache;
  @Mixin private EvalFlags options;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      required = true,
      description = "A text in UTF-8; may be given several times.")
  private List<Path> texts;

  @Option(
      names = {"-c", "--ctx"},
      paramLabel = "N",
      defaultValue = "" + DEFAULT_CONTEXT,
      description = "Tokens of a window. Default: ${DEFAULT-VALUE}.")
  private int context;

  @Option(
      names = "--windows",
      paramLabel = "N",
      description = "Only the first windows of each text. Default: all.")
  private Integer windows;

  @Override
  public Integer call() throws IOException {
    if (context < LEAST_CONTEXT || windows != null && windows < 1) {
      throw new ParameterException(
          spec.commandLine(),
          "--ctx must be at least %d and --windows at least 1".formatted(LEAST_CONTEXT));
    }
    EvalTexts files = new EvalTexts(spec, texts);
    options.check();
    CalidropCommand root = parent.root();
    CacheChoice caches = cache.choice(root.io());
    try (Engine engine = model.load(root.io(), root.verbose(), context, caches)) {
      Map<String, Object> protocol = new LinkedHashMap<>();
      protocol.put("text", files.identity());
      protocol.put("ctx", context);
      protocol.put("cache", engine.cacheOptions().toString());
      ResultLog log = options.log(engine, protocol);
      Report report = new Report("Perplexity", options.provenance(engine, protocol));
      List<Map<String, Object>> rows = new ArrayList<>();
      List<Chart.Series> series = new ArrayList<>();
      for (EvalTexts.Text text : files.read(engine.tokenizer())) {
        rows.add(measure(root.io(), engine, text, log, series));
      }
      Chart chart =
          new Chart.Lines(
              "perplexity",
              "Perplexity of the text so far",
              "tokens",
              "perplexity",
              Chart.Scale.LINEAR,
              series);
      report.add(
          new Report.Section(
              "perplexity",
              "Perplexity",
              "± is the standard error over tokens.",
              new Table(rows),
              List.of(chart)));
      options.finish(root.io(), report);
    }
    return ExitCode.OK;
  }

  private Map<String, Object> measure(
      Io io, Engine engine, EvalTexts.Text text, ResultLog log, List<Chart.Series> series)
      throws IOException {
    int count = text.tokens().length / context;
    if (count == 0) {
      throw new IllegalArgumentException(
          "%s has %d tokens, fewer than a window of %d: lower --ctx"
              .formatted(text.name(), text.tokens().length, context));
    }
    count = windows == null ? count : Math.min(windows, count);
    int bos = engine.tokenizer().addsBos() ? engine.tokenizer().bos() : -1;
    // llama.cpp scores what follows the first half and one token more.
    Perplexity perplexity =
        new Perplexity(engine.model(), engine.cacheOptions(), bos, context / 2 + 1);
    List<Double> x = new ArrayList<>();
    List<Double> y = new ArrayList<>();
    try (WorkProgress progress = new WorkProgress(io, "eval perplexity", "windows", count)) {
      for (int w = 0; w < count; w++) {
        String key = text.name() + " " + w;
        if (log.get(key).isPresent()) {
          progress.skip(1);
        } else {
          int[] tokens = Arrays.copyOfRange(text.tokens(), w * context, (w + 1) * context);
          Perplexity.Window window = perplexity.measure(tokens);
          Map<String, Object> sums = new LinkedHashMap<>();
          sums.put("loss", window.loss());
          sums.put("squares", window.squares());
          sums.put("count", window.count());
          log.add(key, sums);
          progress.step(1);
        }
        Map<String, Object> cells = log.get(key).orElseThrow();
        perplexity.add(
            new Perplexity.Window(
                number(cells, "loss"), number(cells, "squares"), (long) number(cells, "count")));
        x.add((w + 1.0) * context);
        y.add(perplexity.value());
      }
    }
    series.add(new Chart.Series(text.name(), text.name(), false, x, y, List.of()));
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("text", text.name());
    row.put("windows", count);
    row.put("tokens", perplexity.count());
    row.put("perplexity", Figures.round(perplexity.value(), 5));
    row.put("±", Figures.round(perplexity.standardError(), 3));
    return row;
  }

  private static double number(Map<String, Object> cells, String name) {
    return ((Number) cells.get(name)).doubleValue();
  }
}
