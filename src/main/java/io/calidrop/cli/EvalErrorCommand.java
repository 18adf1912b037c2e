package io.calidrop.cli;

import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheStatistics;
import io.calidrop.eval.AttentionError;
import io.calidrop.eval.CacheSetting;
import io.calidrop.eval.ErrorTable;
import io.calidrop.eval.TextWindow;
import io.calidrop.generate.Engine;
import io.calidrop.report.Report;
import io.calidrop.report.ResultLog;
import java.io.IOException;
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

/** Errors of attention outputs by layer and head. */
@Command(
    name = "error",
    defaultValueProvider = GridDefaults.Error.class,
    description = {
      "Relative error of each layer's and head's attention output against the full cache's, before",
      "and after calibration, and what calibration did in each layer. A low error is not quality:",
      "see eval quality."
    },
    footer = {
      "",
      "Example:",
      "  ./run.sh eval error --text book.txt --budgets 128 --policies streaming --out error"
    })
final class EvalErrorCommand implements Callable<Integer> {
  @ParentCommand private EvalCommand parent;
  @Spec private CommandSpec spec;
  @Mixin private HelpOption help;
  @Mixin private LoadFlags model;
  @Mixin private TextFlags texts;
  @Mixin private GridFlags grid;
  @Mixin private EvalOptions options;

  @Option(
      names = "--prompt-tokens",
      paramLabel = "N",
      defaultValue = "1024",
      description = "Tokens before those that count. Default: ${DEFAULT-VALUE}.")
  private int prompt;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      defaultValue = "256",
      description = "Tokens that count. Default: ${DEFAULT-VALUE}.")
  private int tokens;

  @Override
  public Integer call() throws IOException {
    if (prompt < 1 || tokens < 1) {
      throw new ParameterException(
          spec.commandLine(), "--prompt-tokens and --tokens must be at least 1");
    }
    EvalTexts files = texts.check();
    grid.check();
    options.check();
    CalidropCommand root = parent.root();
    CacheOptions full = CacheOptions.full(grid.kvType());
    try (Engine engine = model.load(root.io(), root.verbose(), full)) {
      List<CacheSetting> settings = grid.settings(engine.model().config().cacheShape());
      List<TextFlags.Piece> pieces = texts.pieces(files, engine.tokenizer(), prompt + tokens + 1);
      Map<String, Object> protocol = grid.protocol();
      protocol.put("text", files.identity());
      protocol.put("prompt tokens", prompt);
      protocol.put("tokens", tokens);
      ErrorTable table = new ErrorTable(settings);
      ResultLog log = options.log(engine, protocol);
      try (WorkProgress progress =
          new WorkProgress(
              root.io(), "eval error", "cells", (long) pieces.size() * settings.size())) {
        for (TextFlags.Piece piece : pieces) {
          measure(engine, piece, settings, log, progress);
          for (CacheSetting setting : settings) {
            table.add(setting, log.get(piece.key() + " " + setting.key()).orElseThrow());
          }
        }
      }
      protocol.put("places", texts.places());
      String title = "Where attention goes wrong in a bounded cache";
      Report report = new Report(title, options.provenance(engine, protocol));
      table.addTo(report);
      options.finish(root.io(), report);
    }
    return ExitCode.OK;
  }

  private void measure(
      Engine engine,
      TextFlags.Piece piece,
      List<CacheSetting> settings,
      ResultLog log,
      WorkProgress progress)
      throws IOException {
    List<CacheSetting> missing =
        settings.stream().filter(s -> log.get(piece.key() + " " + s.key()).isEmpty()).toList();
    progress.skip(settings.size() - missing.size());
    if (missing.isEmpty()) {
      return;
    }
    TextWindow window = new TextWindow(piece.tokens(), grid.isOnce() ? prompt : 0, prompt);
    List<CacheOptions> caches = missing.stream().map(CacheSetting::options).toList();
    try (AttentionError error = new AttentionError(engine.model(), grid.kvType(), window, caches)) {
      for (CacheSetting setting : missing) {
        AttentionError.Result result = error.measure(setting.options());
        List<CacheStatistics> layers = result.layers();
        Map<String, Object> cells = new LinkedHashMap<>();
        cells.put("errors", result.errors());
        cells.put("calibrated", layers.stream().map(CacheStatistics::calibrations).toList());
        cells.put("recomputed", layers.stream().map(CacheStatistics::recomputations).toList());
        cells.put("skipped", layers.stream().map(CacheStatistics::skips).toList());
        log.add(piece.key() + " " + setting.key(), cells);
        progress.step(1);
      }
    }
  }
}
