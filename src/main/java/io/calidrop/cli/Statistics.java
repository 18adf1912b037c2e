package io.calidrop.cli;

import io.calidrop.attention.CacheStatistics;
import io.calidrop.generate.Engine;
import io.calidrop.generate.GenerationResult;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** The line that tells what an answer cost. */
final class Statistics {
  private Statistics() {}

  static String line(GenerationResult result, long loadNanos) {
    GenerationResult.Timings timings = result.timings();
    String reused =
        timings.reusedTokens() == 0 ? "" : " (+%d cached)".formatted(timings.reusedTokens());
    return String.format(
        Locale.ROOT,
        "[load %.2f s | prompt %d tokens%s, %.0f tok/s | first token %.2f s"
            + " | generated %d tokens, %.0f tok/s%s | context %s | %s | seed %d"
            + " | cache %s]",
        loadNanos / 1e9,
        timings.promptTokens(),
        reused,
        timings.promptRate(),
        timings.firstTokenNanos() / 1e9,
        result.tokens().length,
        timings.decodeRate(),
        drafted(result),
        context(result),
        result.stopReason().label(),
        result.seed(),
        cache(result.cache()));
  }

  private static String drafted(GenerationResult result) {
    return result.draftedTokens() == 0
        ? ""
        : " (%d of %d guessed)".formatted(result.acceptedTokens(), result.draftedTokens());
  }

  private static String context(GenerationResult result) {
    return result.contextLimit() == Integer.MAX_VALUE
        ? Integer.toString(result.contextUsed())
        : result.contextUsed() + "/" + result.contextLimit();
  }

  private static String cache(CacheStatistics cache) {
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "%.0f of %d tokens, %s",
            cache.kept(),
            cache.seen(),
            mebibytes(cache.activeBytes())));
    if (cache.calibrationBytes() > 0) {
      text.append(" + calibration ").append(mebibytes(cache.calibrationBytes()));
    }
    if (cache.storedBytes() > 0) {
      text.append(
          String.format(
              Locale.ROOT,
              " + store of %.0f tokens %s + sketches %s",
              cache.stored(),
              mebibytes(cache.storedBytes()),
              mebibytes(cache.sketchBytes())));
    }
    if (cache.hotBytes() > 0) {
      text.append(
          String.format(
              Locale.ROOT,
              " + hot blocks %s, %.0f %% hits",
              mebibytes(cache.hotBytes()),
              100 * cache.hotShare()));
    }
    if (cache.looks() > 0) {
      text.append(
          String.format(
              Locale.ROOT,
              ", of evicted rows a step recomputed %.0f, skipped %.0f, calibrated %.0f",
              cache.perLook(cache.recomputed()),
              cache.perLook(cache.skipped()),
              cache.perLook(cache.calibrated())));
    }
    if (cache.meanSimilarity() != 0) {
      text.append(String.format(Locale.ROOT, ", similarity %.2f", cache.meanSimilarity()));
    }
    if (cache.prunes() > 0) {
      text.append(
          String.format(
              Locale.ROOT, ", %d prunes in %.2f s", cache.prunes(), cache.pruneNanos() / 1e9));
    }
    return text.toString();
  }

  /** What is wrong with the store, in a line. */
  static String trouble(CacheStatistics cache) {
    return "the store " + cache.storeTrouble();
  }

  private static String mebibytes(long bytes) {
    return String.format(Locale.ROOT, "%.1f MiB", bytes / 1048576.0);
  }

  /** The result and what it cost, for JSON. */
  static Map<String, Object> json(GenerationResult result, Engine engine) {
    GenerationResult.Timings timings = result.timings();
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("text", result.text());
    json.put("stop_reason", result.stopReason().toString().toLowerCase(Locale.ROOT));
    json.put("seed", result.seed());
    json.put("prompt_tokens", timings.promptTokens());
    json.put("reused_tokens", timings.reusedTokens());
    json.put("generated_tokens", result.tokens().length);
    json.put("load_seconds", engine.loadNanos() / 1e9);
    json.put("prompt_seconds", timings.promptNanos() / 1e9);
    json.put("first_token_seconds", timings.firstTokenNanos() / 1e9);
    json.put("prompt_tokens_per_second", timings.promptRate());
    json.put("generated_tokens_per_second", timings.decodeRate());
    json.put("drafted_tokens", result.draftedTokens());
    json.put("accepted_tokens", result.acceptedTokens());
    json.put("context_used", result.contextUsed());
    boolean endless = result.contextLimit() == Integer.MAX_VALUE;
    json.put("context_limit", endless ? null : result.contextLimit());
    json.put("cache_options", CacheText.json(engine));
    json.put("cache", json(result.cache()));
    return json;
  }

  static Map<String, Object> json(CacheStatistics cache) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("seen", cache.seen());
    json.put("kept", cache.kept());
    json.put("stored", cache.stored());
    json.put("folded", cache.folded());
    json.put("calibration_rows", cache.calibrationRows());
    json.put("active_bytes", cache.activeBytes());
    json.put("stored_bytes", cache.storedBytes());
    json.put("sketch_bytes", cache.sketchBytes());
    json.put("hot_bytes", cache.hotBytes());
    json.put("hot_block_hits", cache.hotHits());
    json.put("hot_block_misses", cache.hotMisses());
    json.put("calibration_bytes", cache.calibrationBytes());
    json.put("recomputed_rows", cache.perLook(cache.recomputed()));
    json.put("skipped_rows", cache.perLook(cache.skipped()));
    json.put("calibrated_rows", cache.perLook(cache.calibrated()));
    json.put("mean_similarity", cache.meanSimilarity());
    json.put("store_trouble", cache.storeTrouble().isEmpty() ? null : trouble(cache));
    json.put("prunes", cache.prunes());
    json.put("prune_seconds", cache.pruneNanos() / 1e9);
    return json;
  }
}
