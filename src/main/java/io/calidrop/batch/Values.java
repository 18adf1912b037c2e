package io.calidrop.batch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Values of JSON as what they should be; others are refused with a message that shows them. */
final class Values {
  private static final int SHOWN = 60; // characters

  private Values() {}

  static double number(JsonNode value) {
    if (!value.isNumber()) {
      throw new IllegalArgumentException(shown(value) + " is no number");
    }
    return value.doubleValue();
  }

  static int whole(JsonNode value) {
    if (!value.isIntegralNumber() || !value.canConvertToInt()) {
      throw new IllegalArgumentException(shown(value) + " is no whole number of 32 bits");
    }
    return value.intValue();
  }

  static long wholeLong(JsonNode value) {
    if (!value.isIntegralNumber() || !value.canConvertToLong()) {
      throw new IllegalArgumentException(shown(value) + " is no whole number of 64 bits");
    }
    return value.longValue();
  }

  static boolean bool(JsonNode value) {
    if (!value.isBoolean()) {
      throw new IllegalArgumentException(shown(value) + " is neither true nor false");
    }
    return value.booleanValue();
  }

  /** The fields of an object, each of which is known; those that are null are absent. */
  static void fields(JsonNode value, Map<String, Consumer<JsonNode>> known) {
    if (!value.isObject()) {
      throw new IllegalArgumentException(shown(value) + " is no object");
    }
    for (Map.Entry<String, JsonNode> field : value.properties()) {
      if (!field.getValue().isNull()) {
        Consumer<JsonNode> take = known.get(field.getKey());
        if (take == null) {
          throw Spelling.unknown("field", field.getKey(), known.keySet());
        }
        take.accept(field.getValue());
      }
    }
  }

  /** Refuses an object that has other fields than these. */
  static void requireKnown(JsonNode object, Collection<String> known) {
    for (Map.Entry<String, JsonNode> field : object.properties()) {
      if (!known.contains(field.getKey())) {
        throw Spelling.unknown("field", field.getKey(), known);
      }
    }
  }

  static String text(JsonNode value) {
    if (!value.isTextual()) {
      throw new IllegalArgumentException(shown(value) + " is no text");
    }
    return value.textValue();
  }

  /** A text, or a list of them. */
  static List<String> texts(JsonNode value) {
    List<String> texts = new ArrayList<>();
    if (value.isArray()) {
      value.forEach(text -> texts.add(text(text)));
    } else {
      texts.add(text(value));
    }
    return texts;
  }

  /** A value for a message: in one line, and short. */
  static String shown(JsonNode value) {
    return shortened(value.toString(), SHOWN);
  }

  /** A name for a message, in quotes. */
  static String shown(String name) {
    return shown(TextNode.valueOf(name));
  }

  /** A text, or its beginning. */
  static String shortened(String text, int most) {
    if (text.length() <= most) {
      return text;
    }
    int end = Character.isHighSurrogate(text.charAt(most - 1)) ? most - 1 : most;
    return text.substring(0, end) + "...";
  }
}
