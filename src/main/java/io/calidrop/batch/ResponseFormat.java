package io.calidrop.batch;

import com.fasterxml.jackson.databind.JsonNode;
import io.calidrop.constraint.Constraint;
import java.util.List;
import java.util.Optional;

/** What form an answer has, as OpenAI's {@code response_format} says it. */
final class ResponseFormat {
  private static final List<String> SCHEMA_FIELDS =
      List.of("name", "description", "schema", "strict");

  private ResponseFormat() {}

  /**
   * The constraint of a format; empty for any text.
   *
   * @throws IllegalArgumentException if there is no such format, or its schema is refused
   */
  static Optional<Constraint> of(JsonNode format) {
    String type = format.path("type").asText("");
    switch (type) {
      case "text" -> {
        Values.requireKnown(format, List.of("type"));
        return Optional.empty();
      }
      case "json_object" -> {
        Values.requireKnown(format, List.of("type"));
        return Optional.of(Constraint.object());
      }
      case "json_schema" -> {
        Values.requireKnown(format, List.of("type", "json_schema"));
        JsonNode named = format.path("json_schema");
        Values.requireKnown(named, SCHEMA_FIELDS);
        if (!named.has("schema")) {
          throw new IllegalArgumentException("json_schema has no schema");
        }
        return Optional.of(Constraint.of(named.get("schema")));
      }
      default ->
          throw new IllegalArgumentException(
              "%s is not supported: a type is text, json_object or json_schema"
                  .formatted(Values.shown(format)));
    }
  }
}
