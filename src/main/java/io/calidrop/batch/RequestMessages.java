package io.calidrop.batch;

import com.fasterxml.jackson.databind.JsonNode;
import io.calidrop.generate.ChatMessage;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads the messages of a request. {@code developer} is another name for a system message; a
 * content is a text, or parts of text, which are joined.
 */
final class RequestMessages {
  private static final List<String> FIELDS =
      List.of("role", "content", "tool_calls", "tool_call_id");
  private static final List<String> PART_FIELDS = List.of("type", "text");

  /** Fields of messages that stand for what there is not; without a value they say nothing. */
  private static final List<String> EMPTY =
      List.of("name", "refusal", "annotations", "audio", "function_call", "reasoning_content");

  private RequestMessages() {}

  static ChatMessage read(JsonNode message) {
    if (!message.isObject()) {
      throw new IllegalArgumentException(Values.shown(message) + " is no message");
    }
    for (Map.Entry<String, JsonNode> field : message.properties()) {
      check(field.getKey(), field.getValue());
    }
    String role = role(message.path("role"));
    Map<String, Object> more = more(message, role);
    JsonNode content = message.path("content");
    if (content.isMissingNode() || content.isNull()) {
      if (role.equals("assistant")) {
        return new ChatMessage(role, "", more);
      }
      throw new IllegalArgumentException("the %s's message has no content".formatted(role));
    }
    return new ChatMessage(role, content.isArray() ? joined(content) : content(content), more);
  }

  /** The calls of an answer, and which call a tool's result is of. */
  private static Map<String, Object> more(JsonNode message, String role) {
    Map<String, Object> more = new LinkedHashMap<>();
    JsonNode calls = message.path("tool_calls");
    if (!calls.isEmpty()) {
      require(role.equals("assistant"), "tool_calls");
      more.put("tool_calls", RequestTools.calls(calls));
    }
    if (message.path("tool_call_id").isTextual()) {
      require(role.equals("tool"), "tool_call_id");
      more.put("tool_call_id", message.get("tool_call_id").textValue());
    }
    return more;
  }

  private static void require(boolean fits, String field) {
    if (!fits) {
      throw new IllegalArgumentException(field + ": a message of this role has none");
    }
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
      case "system", "user", "assistant", "tool" -> role;
      case "developer" -> "system";
      default ->
          throw new IllegalArgumentException(
              "a role is system, developer, user, assistant or tool, not " + Values.shown(value));
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
