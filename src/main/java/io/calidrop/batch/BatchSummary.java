package io.calidrop.batch;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a pass over an input came to. Immutable: threads may share it.
 *
 * @param results in the output, earlier ones included
 * @param failed those of them that are errors
 * @param skipped requests that had a result before
 * @param draftedTokens guessed and computed with others
 * @param acceptedTokens those of them that were right
 * @param interrupted whether the pass was ended from outside
 */
public record BatchSummary(
    long results,
    long failed,
    long skipped,
    long promptTokens,
    long generatedTokens,
    long draftedTokens,
    long acceptedTokens,
    double seconds,
    boolean interrupted) {

  /** The summary for JSON. */
  public Map<String, Object> fields() {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("results", results);
    fields.put("failed", failed);
    fields.put("skipped", skipped);
    fields.put("prompt_tokens", promptTokens);
    fields.put("generated_tokens", generatedTokens);
    fields.put("drafted_tokens", draftedTokens);
    fields.put("accepted_tokens", acceptedTokens);
    fields.put("seconds", seconds);
    fields.put("interrupted", interrupted);
    return fields;
  }
}
