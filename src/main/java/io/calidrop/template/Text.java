package io.calidrop.template;

import java.util.Locale;

/** What Python and Jinja do with characters. */
final class Text {
  private Text() {}

  /** What {@code str.isspace} says of a character. */
  static boolean isBlank(int c) {
    return c <= ' '
        ? c == ' ' || c >= '\t' && c <= '\r' || c >= 0x1c
        : c == 0x85 || c >= 0xa0 && Character.isSpaceChar(c);
  }

  /** Without blanks, or the given characters, at its ends. */
  static String strip(String text, String chars, boolean left, boolean right) {
    int start = 0;
    int end = text.length();
    while (left && start < end && strips(text.codePointAt(start), chars)) {
      start += Character.charCount(text.codePointAt(start));
    }
    while (right && start < end && strips(text.codePointBefore(end), chars)) {
      end -= Character.charCount(text.codePointBefore(end));
    }
    return text.substring(start, end);
  }

  private static boolean strips(int c, String chars) {
    return chars == null ? isBlank(c) : chars.indexOf(c) >= 0;
  }

  static String upper(String text) {
    return text.toUpperCase(Locale.ROOT);
  }

  static String lower(String text) {
    return text.toLowerCase(Locale.ROOT);
  }

  static String capitalize(String text) {
    int first = text.isEmpty() ? 0 : text.offsetByCodePoints(0, 1);
    return upper(text.substring(0, first)).concat(lower(text.substring(first)));
  }

  /**
   * Capital letters at the beginnings of words.
   *
   * @param letters whether a word begins after anything but a letter, as with {@code str.title},
   *     not after a blank or bracket, as with the filter
   */
  static String title(String text, boolean letters) {
    StringBuilder result = new StringBuilder(text.length());
    boolean start = true;
    for (int i = 0; i < text.length(); i += Character.charCount(text.codePointAt(i))) {
      int c = text.codePointAt(i);
      String one = Character.toString(c);
      result.append(start ? upper(one) : lower(one));
      start = letters ? !Character.isLetter(c) : isBlank(c) || "-({[<".indexOf(c) >= 0;
    }
    return result.toString();
  }

  static String escape(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("'", "&#39;")
        .replace("\"", "&#34;");
  }
}
