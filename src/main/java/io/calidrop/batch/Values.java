package io.calidrop.batch;

import com.fasterxml.jackson.databind.JsonNode;
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
    String json = value.toString();
    if (json.length() <= SHOWN) {
      return json;
    }
    int end = Character.isHighSurrogate(json.charAt(SHOWN - 1)) ? SHOWN - 1 : SHOWN;
    return json.substring(0, end) + "...";
  }
}
