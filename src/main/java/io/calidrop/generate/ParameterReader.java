package io.calidrop.generate;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calidrop.constraint.ParameterCalls;
import java.util.Map;
import java.util.function.BiConsumer;

/** Reads calls whose arguments stand one by one. For one thread at a time. */
final class ParameterReader {
  private final ParameterCalls form;
  private final Map<String, JsonNode> functions;
  private String text;
  private int at;

  /**
   * @param functions schemas of the arguments by the functions' names
   */
  ParameterReader(ParameterCalls form, Map<String, JsonNode> functions) {
    this.form = form;
    this.functions = functions;
  }

  /**
   * Reads the calls that a text begins with, up to the first that breaks off.
   *
   * @param text of an answer, after the mark
   * @param to is given names and arguments
   */
  void read(String text, BiConsumer<String, ObjectNode> to) {
    this.text = text;
    at = 0;
    for (boolean more = skip(form.open()); more; more = skip(form.again())) {
      String name = name();
      ObjectNode arguments = name == null ? null : arguments(functions.get(name));
      if (arguments == null) {
        return;
      }
      to.accept(name, arguments);
    }
  }

  /** Goes behind a text that stands here; false if another does. */
  private boolean skip(String wanted) {
    boolean there = text.startsWith(wanted, at);
    at += there ? wanted.length() : 0;
    return there;
  }

  /** The function that is named here; null where none is. */
  private String name() {
    for (String name : functions.keySet()) {
      int end = at + name.length();
      if (text.startsWith(name, at)
          && (text.startsWith(form.first(), end) || text.startsWith(form.none(), end))) {
        at = end;
        return name;
      }
    }
    return null;
  }

  /** What stands behind a function's name, or null where it breaks off. */
  private ObjectNode arguments(JsonNode schema) {
    ObjectNode arguments = JsonNodeFactory.instance.objectNode();
    if (skip(form.none())) {
      return arguments;
    }
    boolean more = skip(form.first());
    while (more) {
      String key = until(form.named());
      JsonNode argument = key == null ? null : value(schema.path("properties").path(key));
      if (argument == null) {
        return null;
      }
      arguments.set(key, argument);
      more = skip(form.next());
    }
    return skip(form.ended()) ? arguments : null;
  }

  /** An argument, behind whose end it goes; null where it breaks off. */
  private JsonNode value(JsonNode schema) {
    String value = until(form.valueEnd());
    if (value == null || form.isText(schema)) {
      return value == null ? null : JsonNodeFactory.instance.textNode(value);
    }
    JsonNode json = ToolReader.json(value);
    while (json.isMissingNode()) {
      String more = until(form.valueEnd()); // what ended it may stand in a string of it
      if (more == null) {
        return null;
      }
      value += form.valueEnd() + more;
      json = ToolReader.json(value);
    }
    return json;
  }

  /** The text up to another, behind which it goes; null where that does not come. */
  private String until(String mark) {
    int end = text.indexOf(mark, at);
    if (end < 0) {
      return null;
    }
    String part = text.substring(at, end);
    at = end + mark.length();
    return part;
  }
}
