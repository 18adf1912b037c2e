package io.calidrop.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;
import java.util.Set;

/**
 * Writes requests of Ollama's API with the names of the fields that there are; a field that has
 * none keeps its own, by which it is refused.
 */
final class OllamaFields {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private static final Map<String, String> NAMES = Map.of("num_predict", "max_tokens");

  /** How a machine computes, which is the server's to say. */
  private static final Set<String> IDLE =
      Set.of(
          "keep_alive",
          "num_ctx",
          "num_keep",
          "num_batch",
          "num_gpu",
          "main_gpu",
          "num_thread",
          "low_vram",
          "use_mmap",
          "use_mlock",
          "numa");

  private OllamaFields() {}

  /** A conversation to answer. */
  static ObjectNode chat(ObjectNode request) {
    ObjectNode fields = fields(request);
    number(fields.path("messages"));
    return fields;
  }

  /** Gives calls of functions ids, which templates want: results come in the order of the calls. */
  private static void number(JsonNode messages) {
    int called = 0;
    int answered = 0;
    for (JsonNode message : messages) {
      for (JsonNode call : message.path("tool_calls")) {
        if (call instanceof ObjectNode object && !object.hasNonNull("id")) {
          object.put("id", id(called));
        }
        called++;
      }
      if (message instanceof ObjectNode result && result.path("role").asText().equals("tool")) {
        result.remove("tool_name");
        if (!result.hasNonNull("tool_call_id")) {
          result.put("tool_call_id", id(answered));
        }
        answered++;
      }
    }
  }

  private static String id(int call) {
    return "call%05d".formatted(call);
  }

  /** A question to answer, and a system message. */
  static ObjectNode question(ObjectNode request) {
    if (!request.path("tools").isEmpty()) {
      throw ApiException.badRequest("tools: they are for /api/chat");
    }
    ObjectNode fields = fields(request);
    ArrayNode messages = JSON.arrayNode();
    JsonNode system = fields.remove("system");
    if (system != null && !system.isNull() && !system.asText().isEmpty()) {
      messages.addObject().put("role", "system").set("content", system);
    }
    messages.addObject().put("role", "user").set("content", fields.remove("prompt"));
    fields.set("messages", messages);
    fields.remove("raw");
    return fields;
  }

  /** A text to continue as it stands. */
  static ObjectNode completion(ObjectNode request) {
    ObjectNode fields = fields(request);
    fields.remove("raw");
    return fields;
  }

  private static ObjectNode fields(ObjectNode request) {
    ObjectNode fields = JSON.objectNode().put("stream", true);
    for (Map.Entry<String, JsonNode> field : request.properties()) {
      switch (field.getKey()) {
        case "options" -> {
          for (Map.Entry<String, JsonNode> option : field.getValue().properties()) {
            put(fields, option.getKey(), option.getValue());
          }
        }
        case "format" -> fields.set("response_format", format(field.getValue()));
        case "think" ->
            fields.putObject("chat_template_kwargs").set("enable_thinking", field.getValue());
        case "images", "context", "template" -> {
          if (!field.getValue().isEmpty() || !field.getValue().asText().isEmpty()) {
            put(fields, field.getKey(), field.getValue());
          }
        }
        default -> put(fields, field.getKey(), field.getValue());
      }
    }
    return fields;
  }

  private static void put(ObjectNode fields, String name, JsonNode value) {
    if (!IDLE.contains(name)) {
      fields.set(NAMES.getOrDefault(name, name), value);
    }
  }

  /** "json", a schema, or nothing. */
  private static JsonNode format(JsonNode value) {
    if (value.isObject()) {
      ObjectNode format = JSON.objectNode().put("type", "json_schema");
      format.putObject("json_schema").put("name", "answer").set("schema", value);
      return format;
    }
    return value.asText().equals("json")
        ? JSON.objectNode().put("type", "json_object")
        : value.asText().isEmpty() ? JSON.nullNode() : value;
  }
}
