package io.calidrop.cli;

import io.calidrop.generate.GenerationResult;
import java.util.Locale;

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
            + " | generated %d tokens, %.0f tok/s | context %d/%d | %s | seed %d"
            + " | cache %d of %d tokens, %.1f MiB]",
        loadNanos / 1e9,
        timings.promptTokens(),
        reused,
        timings.promptRate(),
        timings.firstTokenNanos() / 1e9,
        result.tokens().length,
        timings.decodeRate(),
        result.contextUsed(),
        result.contextLimit(),
        result.stopReason().label(),
        result.seed(),
        result.contextUsed(),
        result.contextUsed(),
        result.cache().bytes() / 1048576.0);
  }
}
