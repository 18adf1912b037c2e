package io.calidrop.batch;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.ArrayList;
import java.util.List;

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
