package io.calidrop.cli;

import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheShape;
import io.calidrop.eval.CacheSetting;
import io.calidrop.eval.ResultTable;
import io.calidrop.eval.TextWindow;
import io.calidrop.generate.Engine;
import io.calidrop.report.Report;
import io.calidrop.report.ResultLog;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Measures every setting of a grid on pieces of texts. */
abstract class GridEvalCommand implements Callable<Integer> {
  @ParentCommand private EvalCommand parent;
  @Spec private CommandSpec spec;
  @Mixin private HelpFlag help;
  @Mixin private LoadFlags model;
  @Mixin private TextFlags texts;
  @Mixin private GridFlags grid;
  @Mixin private EvalFlags options;

  /** Takes a setting's result; it is kept when this returns. */
  @FunctionalInterface
  interface Results {
    void add(CacheSetting setting, Map<String, Object> cells) throws IOException;
  }

  abstract String title();

  /** Tokens of a piece before those that count. */
  abstract int promptTokens();

  /** Tokens that count. */
  abstract int scoredTokens();

  /**
   * What is measured of a model of this shape.
   *
   * @param context positions of a session
   */
  List<CacheSetting> settings(CacheShape shape, int context) {
    return grid.settings(shape, context);
  }

  abstract ResultTable table(List<CacheSetting> settings);

  /** Measures some settings on a piece of text. */
  abstract void measure(
      Engine engine, TextWindow window, List<CacheSetting> settings, Results results)
      throws IOException;

  final GridFlags grid() {
    return grid;
  }

  @Override
  public final Integer call() throws IOException {
    int prompt = promptTokens();
    int scored = scoredTokens();
    if (prompt < 1 || scored < 1) {
      throw new ParameterException(
          spec.commandLine(), "--prompt-tokens and --tokens must be at least 1");
    }
    EvalTexts files = texts.check();
    grid.check();
    options.check();
    CalidropCommand root = parent.root();
    CacheOptions full = CacheOptions.full(grid.kvTypes());
    try (Engine engine = model.load(root.io(), root.verbose(), full)) {
      List<CacheSetting> settings = settings(engine.model().config().cacheShape(), prompt + scored);
      List<TextFlags.Piece> pieces = texts.pieces(files, engine.tokenizer(), prompt + scored + 1);
      Map<String, Object> protocol = grid.protocol();
      protocol.put("text", files.identity());
      protocol.put("prompt tokens", prompt);
      protocol.put("tokens", scored);
      ResultLog log = options.log(engine, protocol);
      ResultTable table = table(settings);
      long cells = (long) pieces.size() * settings.size();
      try (WorkProgress progress =
          new WorkProgress(root.io(), "eval " + spec.name(), "cells", cells)) {
        for (TextFlags.Piece piece : pieces) {
          List<CacheSetting> missing =
              settings.stream().filter(s -> log.get(key(piece, s)).isEmpty()).toList();
          progress.skip(settings.size() - missing.size());
          if (!missing.isEmpty()) {
            TextWindow window = new TextWindow(piece.tokens(), grid.isOnce(), prompt);
            measure(
                engine,
                window,
                missing,
                (setting, result) -> {
                  log.add(key(piece, setting), result);
                  progress.step(1);
                });
          }
          for (CacheSetting setting : settings) {
            table.add(piece.text(), setting, log.get(key(piece, setting)).orElseThrow());
          }
        }
      }
      protocol.put("places", texts.places());
      Report report = new Report(title(), options.provenance(engine, protocol));
      table.addTo(report);
      options.finish(root.io(), report);
    }
    return ExitCode.OK;
  }

  private static String key(TextFlags.Piece piece, CacheSetting setting) {
    return piece.key() + " " + setting.key();
  }
}
