package io.calidrop.batch;

import io.calidrop.generate.GenerationResult;
import io.calidrop.generate.ToolAnswer;
import io.calidrop.generate.ToolCall;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Results as they are written: the same fields in the same order each time. */
final class BatchResult {
  private BatchResult() {}

  /** What became of a request, for JSON. */
  static Map<String, Object> of(BatchRequest request, BatchRunner.Outcome outcome) {
    Map<String, Object> record = new LinkedHashMap<>();
    record.put("id", request.id().value());
    GenerationResult result = outcome.result().orElse(null);
    List<ToolCall> calls = outcome.tools().map(ToolAnswer::calls).orElse(List.of());
    if (calls.isEmpty()) {
      record.put("text", result == null ? null : result.text());
      record.put(
          "finish_reason",
          result == null ? "error" : result.stopReason().toString().toLowerCase(Locale.ROOT));
    } else {
      record.put("text", outcome.tools().get().text());
      record.put("tool_calls", calls.stream().map(BatchResult::call).toList());
      record.put("finish_reason", "tool_calls");
    }
    if (result != null) {
      GenerationResult.Timings timings = result.timings();
      Map<String, Object> usage = new LinkedHashMap<>();
      usage.put("prompt_tokens", timings.promptTokens() + timings.reusedTokens());
      usage.put("completion_tokens", result.tokens().length);
      record.put("usage", usage);
      Map<String, Object> times = new LinkedHashMap<>();
      times.put("prompt_seconds", timings.promptNanos() / 1e9);
      times.put("first_token_seconds", timings.firstTokenNanos() / 1e9);
      times.put("tokens_per_second", timings.decodeRate());
      record.put("timings", times);
      record.put("seed", result.seed());
      Map<String, Object> cache = new LinkedHashMap<>();
      cache.put("seen", result.cache().seen());
      cache.put("kept", result.cache().kept());
      record.put("cache", cache);
    }
    record.put("error", outcome.error().orElse(null));
    return record;
  }

  private static Map<String, Object> call(ToolCall call) {
    Map<String, Object> function = new LinkedHashMap<>();
    function.put("name", call.name());
    function.put("arguments", call.arguments());
    Map<String, Object> named = new LinkedHashMap<>();
    named.put("id", call.id());
    named.put("type", "function");
    named.put("function", function);
    return named;
  }
}
