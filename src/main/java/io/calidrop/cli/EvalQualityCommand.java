package io.calidrop.cli;

import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheStatistics;
import io.calidrop.attention.CalibrationOptions;
import io.calidrop.attention.CalibrationOptions.Mode;
import io.calidrop.attention.CalibrationOptions.Store;
import io.calidrop.attention.EvictionPolicies;
import io.calidrop.attention.EvictionPolicy;
import io.calidrop.attention.KvType;
import io.calidrop.eval.CacheQuality;
import io.calidrop.generate.Engine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
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
    description = {
      "Compares bounded caches with the full one on a text, token by token: Kullback-Leibler",
      "divergence of the next token's distribution (nats), its 95th percentile, share of equal",
      "likeliest tokens, perplexity."
    },
    footer = {
      "",
      "Examples:",
      "  ./run.sh eval quality --text book.txt --budgets 128,512",
      "  ./run.sh eval quality --text book.txt --compress once --policies streaming,h2o --calidrop off,fold"
    })
final class EvalQualityCommand implements Callable<Integer> {
  /** Enough text for this many tokens is read, whatever the tokenizer. */
  private static final int CHARACTERS_PER_TOKEN = 12;

  @ParentCommand private EvalCommand parent;
  @Spec private CommandSpec spec;
  @Mixin private HelpOption help;
  @Mixin private LoadFlags model;
  @Mixin private TableOptions table;

  @Option(
      names = "--kv-type",
      paramLabel = "TYPE",
      defaultValue = "f16",
      description = "Number format of the KV cache: f16 (default), f32, q8_0.")
  private KvType kvType;

  @Option(names = "--text", paramLabel = "FILE", required = true, description = "The text.")
  private Path text;

  @Option(
      names = "--first-token",
      paramLabel = "N",
      defaultValue = "0",
      description = "Token of the text to begin with. Default: ${DEFAULT-VALUE}.")
  private int firstToken;

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

  @Option(
      names = "--budgets",
      paramLabel = "N",
      split = ",",
      defaultValue = "64,128,256,512",
      description = "Budgets. Default: ${DEFAULT-VALUE}.")
  private List<Integer> budgets;

  @Option(
      names = "--policies",
      paramLabel = "NAME",
      split = ",",
      defaultValue = "streaming",
      description = "Policies. Default: ${DEFAULT-VALUE}.")
  private List<String> policies;

  @Option(
      names = "--calidrop",
      paramLabel = "MODE",
      split = ",",
      defaultValue = "off,fold",
      description = "Calibrations: off, paper, fold, recompute. Default: ${DEFAULT-VALUE}.")
  private List<Mode> modes;

  @Option(
      names = "--compress",
      paramLabel = "WHEN",
      defaultValue = "rolling",
      description = "once or rolling (default).")
  private CacheBudget.Compress compress;

  @Option(
      names = "--prune-interval",
      paramLabel = "N",
      defaultValue = "128",
      description = "Tokens between prunes, rolling. Default: ${DEFAULT-VALUE}.")
  private int interval;

  @Option(
      names = "--calibration-rows",
      paramLabel = "N",
      split = ",",
      defaultValue = "64",
      description = "Rows with fold. Default: ${DEFAULT-VALUE}.")
  private List<Integer> rows;

  @Option(
      names = "--calibration-window",
      paramLabel = "N",
      split = ",",
      defaultValue = "128",
      description = "Windows with fold. Default: ${DEFAULT-VALUE}.")
  private List<Integer> windows;

  @Option(
      names = "--calibration-samples",
      paramLabel = "N",
      defaultValue = "32",
      description = "Tokens of the window whose queries are kept. Default: ${DEFAULT-VALUE}.")
  private int samples;

  @Option(
      names = "--recompute-threshold",
      paramLabel = "X",
      split = ",",
      defaultValue = "0.8",
      description =
          "Cosines below which paper and recompute attend evicted tokens; below -1 without a store. Default: ${DEFAULT-VALUE}.")
  private List<Float> thresholds;

  @Override
  public Integer call() throws IOException {
    boolean once = compress == CacheBudget.Compress.ONCE;
    int prompt = promptTokens != null ? promptTokens : once ? 2048 : 1024;
    int scored = tokens != null ? tokens : once ? 256 : 2047;
    CalidropCommand root = parent.root();
    List<Map<String, Object>> settings = new ArrayList<>();
    List<CacheOptions> caches = new ArrayList<>();
    try {
      grid(once ? prompt + scored : interval, settings, caches);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
    try (Engine engine = model.load(root.io(), root.verbose(), CacheOptions.full(kvType))) {
      int[] all = tokens(engine, prompt + scored + 1);
      CacheQuality quality = new CacheQuality(engine.model(), kvType);
      List<CacheQuality.Result> results = quality.compare(all, once ? prompt : 0, prompt, caches);
      for (int i = 0; i < results.size(); i++) {
        addTo(settings.get(i), results.get(i));
      }
    }
    table.print(root.io().out(), settings);
    return ExitCode.OK;
  }

  private int[] tokens(Engine engine, int count) throws IOException {
    String all = Files.readString(text);
    long characters = (long) (firstToken + count) * CHARACTERS_PER_TOKEN;
    String start = all.substring(0, (int) Math.min(all.length(), characters));
    int[] encoded = engine.tokenizer().encode(start, false);
    if (firstToken < 0 || count > encoded.length - firstToken) {
      throw new IllegalArgumentException(
          "%s has %d tokens, fewer than the %d from token %d on: choose another --first-token, or fewer --prompt-tokens and --tokens"
              .formatted(text, encoded.length, count, firstToken));
    }
    return Arrays.copyOfRange(encoded, firstToken, firstToken + count);
  }

  private void grid(
      int pruneInterval, List<Map<String, Object>> settings, List<CacheOptions> caches) {
    for (String name : policies) {
      EvictionPolicy policy = EvictionPolicies.named(name);
      for (int budget : budgets) {
        CacheBudget bound =
            new CacheBudget(
                budget,
                CacheBudget.DEFAULT_SINKS,
                CacheBudget.DEFAULT_WINDOW,
                pruneInterval,
                compress,
                CacheBudget.Positions.ABSOLUTE);
        for (Mode mode : modes) {
          for (CalibrationOptions calibration : calibrations(mode)) {
            caches.add(CacheOptions.full(kvType).bounded(bound, policy, calibration));
            Map<String, Object> row = new LinkedHashMap<>();
            row.put("policy", name);
            row.put("budget", budget);
            row.put("calidrop", mode.toString().toLowerCase(Locale.ROOT));
            row.put("rows", mode == Mode.FOLD ? calibration.rows() : "");
            row.put("window", mode == Mode.FOLD ? calibration.window() : "");
            boolean references = mode == Mode.PAPER || mode == Mode.RECOMPUTE;
            row.put("threshold", references ? calibration.recomputeThreshold() : "");
            settings.add(row);
          }
        }
      }
    }
  }

  private List<CalibrationOptions> calibrations(Mode mode) {
    List<CalibrationOptions> list = new ArrayList<>();
    switch (mode) {
      case OFF -> list.add(CalibrationOptions.off());
      case FOLD -> {
        for (int count : rows) {
          for (int window : windows) {
            list.add(CalibrationOptions.fold(count, window, Math.min(samples, window)));
          }
        }
      }
      case PAPER -> {
        for (float threshold : thresholds) {
          list.add(CalibrationOptions.paper(threshold, threshold, store(threshold)));
        }
      }
      case RECOMPUTE -> {
        for (float threshold : thresholds) {
          list.add(CalibrationOptions.recompute(threshold, store(threshold)));
        }
      }
    }
    return list;
  }

  /** No cosine lies below -1: then nothing is ever recomputed. */
  private static Store store(float threshold) {
    return threshold <= -1 ? Store.NONE : Store.RAM;
  }

  private static void addTo(Map<String, Object> row, CacheQuality.Result result) {
    CacheStatistics cache = result.cache();
    row.put("KL", rounded(result.divergence()));
    row.put("KL 95%", rounded(result.divergence95()));
    row.put("same top", rounded(result.equalArgmax()));
    row.put("perplexity", rounded(result.perplexity()));
    row.put("full", rounded(result.fullPerplexity()));
    long queries = cache.calibrations() + cache.recomputations() + cache.skips();
    row.put("recomputed", queries == 0 ? "" : rounded((double) cache.recomputations() / queries));
    row.put("cache MiB", mebibytes(cache.activeBytes()));
    row.put("calibration MiB", mebibytes(cache.calibrationBytes()));
    row.put("evicted MiB", mebibytes(cache.evictedBytes()));
  }

  private static double rounded(double x) {
    return Math.round(x * 1e4) / 1e4;
  }

  private static double mebibytes(long bytes) {
    return Math.round(bytes / 104857.6) / 10.0;
  }
}
