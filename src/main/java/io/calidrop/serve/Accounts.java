package io.calidrop.serve;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calidrop.attention.CacheStatistics;
import io.calidrop.generate.GenerationResult;

/** What an answer cost and what became of its cache, which no other API has names for. */
final class Accounts {
  private Accounts() {}

  /** Of a whole answer whose cache held some of it when it began. */
  static ObjectNode of(GenerationResult result, CacheStatistics begun) {
    GenerationResult.Timings timings = result.timings();
    ObjectNode account = JsonNodeFactory.instance.objectNode();
    account.put("seed", result.seed());
    account.put("stop_reason", result.stopReason().label());
    account.put("reused_tokens", begun.seen());
    account.set("cache", of(result.cache()));
    account
        .putObject("timings")
        .put("prompt_seconds", timings.promptNanos() / 1e9)
        .put("first_token_seconds", timings.firstTokenNanos() / 1e9)
        .put("tokens_per_second", timings.decodeRate());
    return account;
  }

  /** What a cache holds. */
  static ObjectNode of(CacheStatistics cache) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("seen", cache.seen())
        .put("kept", cache.kept())
        .put("evicted", cache.seen() - cache.kept())
        .put("folded", cache.folded())
        .put("folded_rows", cache.calibrationRows())
        .put("stored", cache.stored())
        .put("recomputed_rows", cache.perLook(cache.recomputed()))
        .put("skipped_rows", cache.perLook(cache.skipped()))
        .put("prunes", cache.prunes())
        .put("bytes", cache.bytes());
  }
}
