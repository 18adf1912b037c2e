package io.calidrop.template;

/** Strings as Python has them: sequences of code points. */
final class Text {
  private Text() {}

  /** What {@code str.isspace} says of a character. */
  static boolean isBlank(int c) {
    return c <= ' ' ? c == ' ' || c >= '\t' && c <= '\r' || c >= 0x1c : isWideBlank(c);
  }

  private static boolean isWideBlank(int c) {
    return c == 0x85 || c >= 0xa0 && Character.isSpaceChar(c);
  }

  /** Whether each character is a code point. */
  static boolean isPlain(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (Character.isSurrogate(text.charAt(i))) {
        return false;
      }
    }
    return true;
  }

  static int length(String text) {
    return text.codePointCount(0, text.length());
  }

  static String at(String text, int index) {
    int start = text.offsetByCodePoints(0, index);
    return text.substring(start, text.offsetByCodePoints(start, 1));
  }

  /** The code points from one index to another. */
  static String slice(String text, int start, int end) {
    if (start >= end) {
      return "";
    }
    int from = text.offsetByCodePoints(0, start);
    return text.substring(from, text.offsetByCodePoints(from, end - start));
  }

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

  /** Order by code points. */
  static int compare(String a, String b) {
    int length = Math.min(a.length(), b.length());
    for (int i = 0; i < length; i++) {
      char x = a.charAt(i);
      char y = b.charAt(i);
      if (x != y) {
        boolean wide = Character.isSurrogate(x);
        return wide == Character.isSurrogate(y) ? Character.compare(x, y) : wide ? 1 : -1;
      }
    }
    return Integer.compare(a.length(), b.length());
  }

  static String capitalize(String text) {
    if (text.isEmpty()) {
      return text;
    }
    int first = Character.charCount(text.codePointAt(0));
    return titled(text.codePointAt(0)) + text.substring(first).toLowerCase(java.util.Locale.ROOT);
  }

  /** {@code str.title}: each letter after none is a capital. */
  static String title(String text) {
    StringBuilder result = new StringBuilder(text.length());
    boolean inWord = false;
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      if (inWord) {
        result.appendCodePoint(Character.toLowerCase(c));
      } else {
        result.append(titled(c));
      }
      inWord = Character.isLetter(c);
      i += Character.charCount(c);
    }
    return result.toString();
  }

  private static String titled(int c) {
    int title = Character.toTitleCase(c);
    return title == c
        ? Character.toString(c).toUpperCase(java.util.Locale.ROOT)
        : Character.toString(title);
  }

  /**
   * Reads an escape of a string literal.
   *
   * @param pos after the backslash
   * @return the offset after it
   */
  static int unescape(String source, int pos, StringBuilder text) {
    if (pos >= source.length()) {
      return pos;
    }
    char c = source.charAt(pos);
    switch (c) {
      case '\n' -> {}
      case '\\', '\'', '"' -> text.append(c);
      case 'a' -> text.append('\u0007');
      case 'b' -> text.append('\b');
      case 'f' -> text.append('\f');
      case 'n' -> text.append('\n');
      case 'r' -> text.append('\r');
      case 't' -> text.append('\t');
      case 'v' -> text.append('\u000b');
      case 'x' -> {
        return hex(source, pos, 2, text);
      }
      case 'u' -> {
        return hex(source, pos, 4, text);
      }
      case 'U' -> {
        return hex(source, pos, 8, text);
      }
      default -> {
        if (c >= '0' && c <= '7') {
          return octal(source, pos, text);
        }
        text.append('\\').append(c);
      }
    }
    return pos + 1;
  }

  private static int hex(String source, int pos, int digits, StringBuilder text) {
    int code = 0;
    for (int i = 1; i <= digits; i++) {
      int digit = pos + i < source.length() ? Character.digit(source.charAt(pos + i), 16) : -1;
      if (digit < 0 || code >= 1 << 24) {
        throw new TemplateException("a truncated escape in a string", pos - 1);
      }
      code = code << 4 | digit;
    }
    if (code > Character.MAX_CODE_POINT) {
      throw new TemplateException("an escape beyond Unicode in a string", pos - 1);
    }
    text.appendCodePoint(code);
    return pos + digits + 1;
  }

  private static int octal(String source, int pos, StringBuilder text) {
    int code = 0;
    int end = pos;
    while (end < Math.min(pos + 3, source.length())
        && source.charAt(end) >= '0'
        && source.charAt(end) <= '7') {
      code = code * 8 + source.charAt(end++) - '0';
    }
    text.append((char) code);
    return end;
  }
}
