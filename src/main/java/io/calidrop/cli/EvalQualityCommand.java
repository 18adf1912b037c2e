package io.calidrop.cli;

import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheShape;
import io.calidrop.eval.CacheQuality;
import io.calidrop.eval.CacheSetting;
import io.calidrop.eval.QualityTable;
import io.calidrop.eval.ResultTable;
import io.calidrop.eval.TextWindow;
import io.calidrop.generate.Engine;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Divergence of bounded caches from the full one, over a grid of settings. */
@Command(
    name = "quality",
    defaultValueProvider = GridDefaults.Quality.class,
    description =
        "Compares bounded caches with the full one on a text, token by token: Kullback-Leibler "
            + "divergence of the next token's distribution (nats), its 95th percentile, share of equal "
            + "likeliest tokens, greedy tokens in common, perplexity.",
    footer = {
      "",
      "Examples:",
      "  ./run.sh eval quality --text book.txt --budgets 128,512 --out quality",
      "  ./run.sh eval quality --text book.txt --compress once --policies h2o,snapkv",
      "  ./run.sh eval quality --text book.txt --budgets 512 --kv-types q8_0,k5v4,q4_0"
    })
final class EvalQualityCommand extends GridEvalCommand {
  /** Caches that share the full cache's predictions, and are held in memory side by side. */
  private static final int GROUP = 8;

  private static final int PROMPT_ONCE = 2048;
  private static final int PROMPT_ROLLING = 1024;
  private static final int SCORED_ONCE = 256;
  private static final int SCORED_ROLLING = 2047;

  @Option(
      names = "--prompt-tokens",
      paramLabel = "N",
      description =
          "Tokens before those that count. Default: "
              + PROMPT_ONCE
              + " with once, "
              + PROMPT_ROLLING
              + " with rolling.")
  private Integer promptTokens;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      description =
          "Tokens that count. Default: "
              + SCORED_ONCE
              + " with once, "
              + SCORED_ROLLING
              + " with rolling.")
  private Integer tokens;

  /** Also full caches, each in another format. */
  @Override
  List<CacheSetting> settings(CacheShape shape, int context) {
    List<CacheSetting> settings = new ArrayList<>(super.settings(shape, context));
    grid().full().stream().map(CacheOptions::full).map(CacheSetting::full).forEach(settings::add);
    return settings;
  }

  @Override
  String title() {
    return "What a bounded cache costs in quality";
  }

  @Override
  int promptTokens() {
    return promptTokens != null ? promptTokens : grid().isOnce() ? PROMPT_ONCE : PROMPT_ROLLING;
  }

  @Override
  int scoredTokens() {
    return tokens != null ? tokens : grid().isOnce() ? SCORED_ONCE : SCORED_ROLLING;
  }

  @Override
  ResultTable table(List<CacheSetting> settings) {
    return new QualityTable(settings);
  }

  @Override
  void measure(Engine engine, TextWindow window, List<CacheSetting> settings, Results log)
      throws IOException {
    // A plan may well be one of those beside it.
    List<CacheOptions> caches = settings.stream().map(CacheSetting::options).distinct().toList();
    try (CacheQuality quality =
        new CacheQuality(engine.model(), grid().kvTypes(), window, caches)) {
      double without = quality.perplexityWithoutContext();
      for (int from = 0; from < caches.size(); from += GROUP) {
        List<CacheOptions> group = caches.subList(from, Math.min(from + GROUP, caches.size()));
        List<CacheQuality.Result> results = quality.compare(group);
        for (CacheSetting setting : settings) {
          int i = group.indexOf(setting.options());
          if (i >= 0) {
            log.add(setting, QualityTable.cells(results.get(i), without));
          }
        }
      }
    }
  }
}
