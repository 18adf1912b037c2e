package io.calidrop.batch;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.calidrop.generate.TemplateArguments;
import io.calidrop.generate.Tools;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The functions of a request and how they may be called, as OpenAI's API says it. */
final class RequestTools {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final List<String> TOOL_FIELDS = List.of("type", "function");
  private static final List<String> FUNCTION_FIELDS =
      List.of("name", "description", "parameters", "strict");

  private final List<Map<String, Object>> definitions = new ArrayList<>();
  private final Map<String, JsonNode> parameters = new LinkedHashMap<>();
  private String choice = "auto";
  private String named; // or null
  private boolean several = true;

  void tools(JsonNode value) {
    if (!value.isArray()) {
      throw new IllegalArgumentException(Values.shown(value) + " is no list of tools");
    }
    value.forEach(this::tool);
  }

  private void tool(JsonNode tool) {
    JsonNode function = tool.path("function");
    if (!tool.path("type").asText().equals("function") || !function.isObject()) {
      throw new IllegalArgumentException(
          Values.shown(tool) + " is not supported: a tool is a function");
    }
    Values.requireKnown(tool, TOOL_FIELDS);
    Values.requireKnown(function, FUNCTION_FIELDS);
    String name = Values.text(function.path("name"));
    JsonNode schema = function.path("parameters");
    if (schema.isMissingNode() || schema.isNull()) {
      schema = JsonNodeFactory.instance.objectNode().put("type", "object");
    }
    if (parameters.put(name, schema) != null) {
      throw new IllegalArgumentException("there are two functions " + Values.shown(name));
    }
    definitions.add(TemplateArguments.of(tool));
  }

  void choice(JsonNode value) {
    if (value.isTextual() && List.of("none", "auto", "required").contains(value.textValue())) {
      choice = value.textValue();
    } else if (value.path("type").asText().equals("function")
        && value.path("function").path("name").isTextual()) {
      named = value.path("function").path("name").textValue();
    } else {
      throw new IllegalArgumentException(
          "%s is not supported: it is \"none\", \"auto\", \"required\" or a function"
              .formatted(Values.shown(value)));
    }
  }

  void several(JsonNode value) {
    several = Values.bool(value);
  }

  /** What may be called; empty where nothing may. */
  Optional<Tools> finish() {
    if (named != null && !parameters.containsKey(named)) {
      throw new IllegalArgumentException(
          "tool_choice: there is no function " + Values.shown(named));
    }
    if (choice.equals("required") && parameters.isEmpty()) {
      throw new IllegalArgumentException("tool_choice: there are no tools");
    }
    return parameters.isEmpty() || choice.equals("none")
        ? Optional.empty()
        : Optional.of(
            new Tools(
                definitions,
                parameters,
                choice.equals("required"),
                Optional.ofNullable(named),
                several));
  }

  /** The calls of an earlier answer, as templates get them: their arguments are objects. */
  static List<Map<String, Object>> calls(JsonNode value) {
    if (!value.isArray()) {
      throw new IllegalArgumentException(
          "tool_calls: %s is no list".formatted(Values.shown(value)));
    }
    List<Map<String, Object>> calls = new ArrayList<>();
    for (JsonNode call : value) {
      JsonNode function = call.path("function");
      JsonNode arguments = parsed(function.path("arguments"));
      if (!function.path("name").isTextual() || !arguments.isObject()) {
        throw new IllegalArgumentException(
            "tool_calls: %s is no call of a function".formatted(Values.shown(call)));
      }
      Map<String, Object> named = new LinkedHashMap<>();
      named.put("name", function.get("name").textValue());
      named.put("arguments", TemplateArguments.of(arguments));
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("id", call.path("id").asText());
      one.put("type", "function");
      one.put("function", named);
      calls.add(one);
    }
    return calls;
  }

  private static JsonNode parsed(JsonNode arguments) {
    if (!arguments.isTextual()) {
      return arguments;
    }
    try {
      return JSON.readTree(arguments.textValue());
    } catch (JsonProcessingException e) {
      return arguments;
    }
  }
}
