package io.calidrop.cli;

import io.calidrop.attention.CacheOptions;
import io.calidrop.eval.CacheQuality;
import io.calidrop.eval.CacheSetting;
import io.calidrop.eval.QualityTable;
import io.calidrop.eval.TextWindow;
import io.calidrop.generate.Engine;
import io.calidrop.report.Report;
import io.calidrop.report.ResultLog;
import java.io.IOException;
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

/** Divergence of bounded caches from the full one, over a grid of settings. */
@Command(
    name = "quality",
    defaultValueProvider = GridDefaults.Quality.class,
    description = {
      "Compares bounded caches with the full one on a text, token by token: Kullback-Leibler",
      "divergence of the next token's distribution (nats), its 95th percentile, share of equal",
      "likeliest tokens, greedy tokens in common, perplexity."
    },
    footer = {
      "",
      "Examples:",
      "  ./run.sh eval quality --text book.txt --budgets 128,512 --out quality",
      "  ./run.sh eval quality --text book.txt --compress once --policies streaming,h2o --calidrop off,fold"
    })
final class EvalQualityCommand implements Callable<Integer> {
  /** Caches that share the full cache's predictions, and are held in memory side by side. */
  private static final int GROUP = 8;

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
      description = "Tokens before those that count. Default: 2048 with once, 1024 with rolling.")
  private Integer promptTokens;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      description = "Tokens that count. Default: 256 with once, 2047 with rolling.")
  private Integer tokens;

  @Override
  public Integer call() throws IOException {
    int prompt = promptTokens != null ? promptTokens : grid.isOnce() ? 2048 : 1024;
    int scored = tokens != null ? tokens : grid.isOnce() ? 256 : 2047;
    if (prompt < 1 || scored < 1) {
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
      List<TextFlags.Piece> pieces = texts.pieces(files, engine.tokenizer(), prompt + scored + 1);
      Map<String, Object> protocol = grid.protocol();
      protocol.put("text", files.identity());
      protocol.put("prompt tokens", prompt);
      protocol.put("tokens", scored);
      QualityTable table = new QualityTable(settings);
      ResultLog log = options.log(engine, protocol);
      try (WorkProgress progress =
          new WorkProgress(
              root.io(), "eval quality", "cells", (long) pieces.size() * settings.size())) {
        for (TextFlags.Piece piece : pieces) {
          TextWindow window = new TextWindow(piece.tokens(), grid.isOnce() ? prompt : 0, prompt);
          measure(engine, piece, window, settings, log, progress);
          for (CacheSetting setting : settings) {
            table.add(piece.text(), setting, log.get(key(piece, setting)).orElseThrow());
          }
        }
      }
      protocol.put("places", texts.places());
      String title = "What a bounded cache costs in quality";
      Report report = new Report(title, options.provenance(engine, protocol));
      table.addTo(report);
      options.finish(root.io(), report);
    }
    return ExitCode.OK;
  }

  private static String key(TextFlags.Piece piece, CacheSetting setting) {
    return piece.key() + " " + setting.key();
  }

  /** Measures what the log does not hold yet. */
  private void measure(
      Engine engine,
      TextFlags.Piece piece,
      TextWindow window,
      List<CacheSetting> settings,
      ResultLog log,
      WorkProgress progress)
      throws IOException {
    List<CacheSetting> missing =
        settings.stream().filter(s -> log.get(key(piece, s)).isEmpty()).toList();
    progress.skip(settings.size() - missing.size());
    if (missing.isEmpty()) {
      return;
    }
    List<CacheOptions> caches = missing.stream().map(CacheSetting::options).toList();
    try (CacheQuality quality = new CacheQuality(engine.model(), grid.kvType(), window, caches)) {
      double without = quality.perplexityWithoutContext();
      for (int from = 0; from < missing.size(); from += GROUP) {
        int to = Math.min(from + GROUP, missing.size());
        List<CacheQuality.Result> results = quality.compare(caches.subList(from, to));
        for (int i = from; i < to; i++) {
          CacheQuality.Result result = results.get(i - from);
          log.add(key(piece, missing.get(i)), QualityTable.cells(result, without));
        }
        progress.step(to - from);
      }
    }
  }
}
