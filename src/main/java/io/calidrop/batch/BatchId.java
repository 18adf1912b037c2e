package io.calidrop.batch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.Optional;

/**
 * What a request is called: a text or a whole number, which its result repeats as it is. 7 and "7"
 * are two ids.
 *
 * @param value the id in JSON
 */
public record BatchId(JsonNode value) {

  static BatchId of(String text) {
    return new BatchId(TextNode.valueOf(text));
  }

  /** The id that a value is, if it can be one. */
  static Optional<BatchId> of(JsonNode value) {
    return value != null && (value.isTextual() || value.isIntegralNumber())
        ? Optional.of(new BatchId(value))
        : Optional.empty();
  }

  /** The id without its type. */
  public String text() {
    return value.asText();
  }

  /** The id in JSON. */
  @Override
  public String toString() {
    return value.toString();
  }
}
