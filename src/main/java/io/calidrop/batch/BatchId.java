package io.calidrop.batch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.nio.charset.StandardCharsets;
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
    return value != null && (isText(value) || value.isIntegralNumber())
        ? Optional.of(new BatchId(value))
        : Optional.empty();
  }

  /** Whether it is a text without halves of characters: these cannot be written as they are. */
  private static boolean isText(JsonNode value) {
    return value.isTextual() && StandardCharsets.UTF_8.newEncoder().canEncode(value.textValue());
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
