package io.calidrop.generate;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What a chat template gets besides the conversation, read from JSON. */
public final class TemplateArguments {
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  /** What the program itself gives to a template. */
  private static final Set<String> TAKEN =
      Set.of("messages", "add_generation_prompt", "bos_token", "eos_token");

  private TemplateArguments() {}

  /**
   * An argument as it stands on a command line.
   *
   * @param assignment such as {@code enable_thinking=false} or {@code reasoning_effort="low"}
   * @throws IllegalArgumentException if it is none
   */
  public static Map<String, Object> parse(String assignment) {
    int equals = assignment.indexOf('=');
    if (equals < 1) {
      throw new IllegalArgumentException(
          "\"%s\" is no NAME=JSON, such as enable_thinking=false".formatted(assignment));
    }
    String name = assignment.substring(0, equals);
    String text = assignment.substring(equals + 1);
    JsonNode value;
    try {
      value = JSON.readTree(text);
    } catch (JsonProcessingException e) {
      value = JSON.missingNode();
    }
    if (value.isMissingNode()) {
      throw new IllegalArgumentException(
          "the value of %s is no JSON: %s; a text needs quotes, in a shell '%s=\"%s\"'"
              .formatted(name, text, name, text));
    }
    return of(JSON.createObjectNode().set(name, value));
  }

  /**
   * The arguments of an object.
   *
   * @throws IllegalArgumentException if it is none, or has what a template cannot be given
   */
  @SuppressWarnings("exports") // of Jackson: for package batch, which reads lines of JSON
  public static Map<String, Object> of(JsonNode object) {
    if (!object.isObject()) {
      throw new IllegalArgumentException("template arguments are an object, not " + object);
    }
    Map<String, Object> arguments = fields(object);
    requireFree(arguments.keySet());
    return arguments;
  }

  /** Refuses the names of what the program itself gives to a template. */
  static void requireFree(Set<String> names) {
    for (String name : names) {
      if (TAKEN.contains(name)) {
        throw new IllegalArgumentException(
            "%s is no template argument: it is made of the conversation and the model"
                .formatted(name));
      }
    }
  }

  private static Map<String, Object> fields(JsonNode object) {
    Map<String, Object> fields = new LinkedHashMap<>();
    object.properties().forEach(field -> fields.put(field.getKey(), value(field.getValue())));
    return Collections.unmodifiableMap(fields);
  }

  /** A text, a number of 64 bits, a truth value, null, or a list or map of such. */
  private static Object value(JsonNode node) {
    return switch (node.getNodeType()) {
      case STRING -> node.textValue();
      case BOOLEAN -> node.booleanValue();
      case NULL -> null;
      case OBJECT -> fields(node);
      case ARRAY -> {
        List<Object> elements = new ArrayList<>();
        node.forEach(element -> elements.add(value(element)));
        yield Collections.unmodifiableList(elements);
      }
      default -> {
        if (!node.isIntegralNumber()) {
          yield node.doubleValue();
        }
        if (!node.canConvertToLong()) {
          throw new IllegalArgumentException(node + " does not fit into 64 bits");
        }
        yield node.longValue();
      }
    };
  }
}
