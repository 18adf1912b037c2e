package io.calidrop.batch;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Optional;

/**
 * What a line of results says about itself.
 *
 * @param failed whether it is an error
 */
record StoredResult(BatchId id, boolean failed) {
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  /** The result of a line; empty if it is none. */
  static Optional<StoredResult> of(String line) {
    try {
      JsonNode node = JSON.readTree(line);
      boolean failed = node.hasNonNull("error");
      return BatchId.of(node.get("id")).map(id -> new StoredResult(id, failed));
    } catch (JsonProcessingException e) {
      return Optional.empty();
    }
  }
}
