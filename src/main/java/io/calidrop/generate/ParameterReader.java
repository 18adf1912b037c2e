package io.calidrop.generate;

import static io.calidrop.constraint.CallParameters.END;
import static io.calidrop.constraint.CallParameters.FUNCTION;
import static io.calidrop.constraint.CallParameters.NAMED;
import static io.calidrop.constraint.CallParameters.PARAMETER;
import static io.calidrop.constraint.CallParameters.VALUE_END;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calidrop.constraint.CallParameters;
import java.util.Map;

/** Reads calls whose arguments stand one by one. For one thread at a time. */
final class ParameterReader {
  private final Map<String, JsonNode> functions;
  private final String text;
  private int at;

  /**
   * @param functions schemas of the arguments by the functions' names
   * @param text of an answer
   */
  ParameterReader(Map<String, JsonNode> functions, String text) {
    this.functions = functions;
    this.text = text;
  }

  /** A function's name and its arguments. */
  record Call(String name, ObjectNode arguments, int end) {}

  /** The call that begins at or after a place, after blanks; null where none does, or a part. */
  Call read(int from) {
    at = from;
    String name = named(FUNCTION);
    JsonNode schema = name == null ? null : functions.get(name);
    if (schema == null) {
      return null;
    }
    ObjectNode arguments = JsonNodeFactory.instance.objectNode();
    for (String key = named(PARAMETER); key != null; key = named(PARAMETER)) {
      int end = text.indexOf(VALUE_END, at);
      if (end < 0) {
        return null;
      }
      String value = text.substring(at, end);
      boolean plain = CallParameters.isText(schema.path("properties").path(key));
      JsonNode argument = plain ? JsonNodeFactory.instance.textNode(value) : ToolReader.json(value);
      if (argument.isMissingNode()) {
        return null;
      }
      arguments.set(key, argument);
      at = end + VALUE_END.length();
    }
    return text.startsWith(END, at) ? new Call(name, arguments, at + END.length()) : null;
  }

  /** The name that a mark stands before, or null where none does; blanks may stand before it. */
  private String named(String mark) {
    while (at < text.length() && Character.isWhitespace(text.charAt(at))) {
      at++;
    }
    int end = text.startsWith(mark, at) ? text.indexOf(NAMED, at) : -1;
    if (end < 0) {
      return null;
    }
    String name = text.substring(at + mark.length(), end);
    at = end + NAMED.length();
    return name;
  }
}
