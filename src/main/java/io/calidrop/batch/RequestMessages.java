package io.calidrop.batch;

import com.fasterxml.jackson.databind.JsonNode;
import io.calidrop.generate.ChatMessage;
import java.util.List;
import java.util.Map;

/**
 * Reads the messages of a request. {@code developer} is another name for a system message; a
 * content is a text, or parts of text, which are joined.
 */
final class RequestMessages {
  private static final List<String> FIELDS = List.of("role", "content");
  private static final List<String> PART_FIELDS = List.of("type", "text");

  /** Fields of messages that stand for what there is not; without a value they say nothing. */
  private static final List<String> EMPTY =
      List.of(
          "name",
          "refusal",
          "annotations",
          "audio",
          "tool_calls",
          "tool_call_id",
          "function_call",
          "reasoning_content");

  private RequestMessages() {}

  static ChatMessage read(JsonNode message) {
    if (!message.isObject()) {
      throw new IllegalArgumentException(Values.shown(message) + " is no message");
    }
    for (Map.Entry<String, JsonNode> field : message.properties()) {
      check(field.getKey(), field.getValue());
    }
    String role = role(message.path("role"));
    JsonNode content = message.path("content");
    if (content.isMissingNode() || content.isNull()) {
      if (role.equals("assistant")) {
        return ChatMessage.assistant("");
      }
      throw new IllegalArgumentException("the %s's message has no content".formatted(role));
    }
    return new ChatMessage(role, content.isArray() ? joined(content) : content(content));
  }

  private static void check(String name, JsonNode value) {
    if (FIELDS.contains(name) || value.isNull()) {
      return;
    }
    if (!EMPTY.contains(name)) {
      throw Spelling.unknown("field", name, FIELDS);
    }
    boolean empty = value.isTextual() ? value.textValue().isEmpty() : value.isEmpty();
    if (!empty || value.isNumber() || value.isBoolean()) {
      throw new IllegalArgumentException(
          "%s: %s is not supported: a message is a role and a text"
              .formatted(name, Values.shown(value)));
    }
  }

  private static String role(JsonNode value) {
    String role = value.isTextual() ? value.textValue() : "";
    return switch (role) {
      case "system", "user", "assistant" -> role;
      case "developer" -> "system";
      case "tool", "function" ->
          throw new IllegalArgumentException(
              "the role %s is not supported: there are no tools".formatted(role));
      default ->
          throw new IllegalArgumentException(
              "a role is system, developer, user or assistant, not " + Values.shown(value));
    };
  }

  private static String content(JsonNode content) {
    if (!content.isTextual()) {
      throw new IllegalArgumentException(
          "a content is a text or a list of parts, not " + Values.shown(content));
    }
    return content.textValue();
  }

  private static String joined(JsonNode parts) {
    StringBuilder all = new StringBuilder();
    for (JsonNode part : parts) {
      JsonNode type = part.path("type");
      if (!type.isTextual() || !type.textValue().equals("text")) {
        throw new IllegalArgumentException(
            part.isObject() && type.isTextual()
                ? "a part of type %s is not supported: only text is".formatted(Values.shown(type))
                : "a part is {\"type\":\"text\",\"text\":..}, not " + Values.shown(part));
      }
      for (Map.Entry<String, JsonNode> field : part.properties()) {
        if (!PART_FIELDS.contains(field.getKey()) && !field.getValue().isNull()) {
          throw Spelling.unknown("field", field.getKey(), PART_FIELDS);
        }
      }
      all.append(Values.text(part.path("text")));
    }
    return all.toString();
  }
}
