package io.calidrop.template;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * Writes values as Python's {@code repr}, or as its {@code json.dumps}.
 *
 * @param ascii whether other characters are escaped in JSON
 * @param indent of each level in JSON, or null for one line
 */
record Printer(
    Run run,
    StringBuilder out,
    boolean json,
    boolean ascii,
    String indent,
    String comma,
    String colon,
    boolean sorted) {
  /** Types of characters that {@code repr} escapes. */
  private static final int UNPRINTABLE =
      1 << Character.CONTROL
          | 1 << Character.FORMAT
          | 1 << Character.SURROGATE
          | 1 << Character.PRIVATE_USE
          | 1 << Character.UNASSIGNED
          | 1 << Character.LINE_SEPARATOR
          | 1 << Character.PARAGRAPH_SEPARATOR
          | 1 << Character.SPACE_SEPARATOR;

  /** {@code str(value)}. */
  static String string(Run run, Object value) {
    if (value instanceof String text) {
      return text;
    }
    return value instanceof Undefined ? "" : representation(run, value);
  }

  /** {@code repr(value)}. */
  static String representation(Run run, Object value) {
    return new Printer(run, new StringBuilder(), false, false, null, ", ", ": ", false).text(value);
  }

  /** What it writes of a value alone. */
  String text(Object value) {
    write(value, "\n");
    return run.made(out.toString());
  }

  private void write(Object value, String newline) {
    run.enter();
    int before = out.length();
    if (value instanceof String text) {
      quote(text);
    } else if (value instanceof Map<?, ?> dict) {
      elements("{", keys(dict), dict, "}", newline);
    } else if (value instanceof Items items && (items.isSequence() || !json)) {
      boolean one = items.kind() == Items.Kind.TUPLE && items.values().size() == 1;
      String open = json ? "[" : items.kind().open;
      String close = json ? "]" : one ? ",)" : items.kind().close;
      elements(open, items.values(), null, close, newline);
    } else if (value instanceof Double number) {
      out.append(real(number));
    } else if (value instanceof Long) {
      out.append(value);
    } else if (value instanceof Boolean flag) {
      out.append(json ? flag.toString() : flag ? "True" : "False");
    } else if (value == null) {
      out.append(json ? "null" : "None");
    } else if (json) {
      throw Values.unsupported(value, "object of type ", " is not JSON serializable");
    } else {
      out.append(value instanceof Undefined ? "Undefined" : "<" + Values.type(value) + ">");
    }
    run.spend(out.length() - before); // each level of nesting pays for what is inside again
    run.leave();
  }

  private List<Object> keys(Map<?, ?> dict) {
    List<Object> keys = new ArrayList<>(dict.keySet());
    if (sorted) {
      keys.sort((a, b) -> Sorting.order(run, a, b));
    }
    return keys;
  }

  /** Elements of a list, or keys of a dict, which is null else, with their values. */
  private void elements(
      String open, Collection<?> elements, Map<?, ?> dict, String close, String newline) {
    String inner = indent == null ? "" : newline + indent;
    boolean first = true;
    out.append(open);
    for (Object element : elements) {
      run.spend(inner.length() + comma.length());
      out.append(first ? "" : comma).append(inner);
      first = false;
      if (dict == null) {
        write(element, inner);
        continue;
      }
      boolean quoted = json && !(element instanceof String);
      out.append(quoted ? "\"" : "");
      write(element, inner);
      out.append(quoted ? "\"" : "").append(colon);
      write(dict.get(element), inner);
    }
    out.append(first || indent == null ? "" : newline).append(close);
  }

  private void quote(String text) {
    char quote = json || text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
    out.append(quote);
    for (int i = 0; i < text.length(); i += Character.charCount(text.codePointAt(i))) {
      int c = text.codePointAt(i);
      int known = "\n\r\t\b\f".indexOf(c);
      if (c == quote || c == '\\') {
        out.append('\\').append((char) c);
      } else if (known >= 0 && (json || known < 3)) {
        out.append('\\').append("nrtbf".charAt(known));
      } else if (json ? c >= ' ' && !(ascii && c > '~') : isPrintable(c)) {
        out.appendCodePoint(c);
      } else if (json) {
        for (char unit : Character.toChars(c)) {
          hex("\\u", unit, 4);
        }
      } else {
        hex(
            c < 0x100 ? "\\x" : c < 0x10000 ? "\\u" : "\\U",
            c,
            c < 0x100 ? 2 : c < 0x10000 ? 4 : 8);
      }
    }
    out.append(quote);
  }

  private void hex(String start, int c, int digits) {
    out.append(start).append(HexFormat.of().toHexDigits(c, digits));
  }

  private static boolean isPrintable(int c) {
    return c == ' ' || (1 << Character.getType(c) & UNPRINTABLE) == 0;
  }

  /** {@code repr} of a float: the shortest digits that give it back. */
  private String real(double number) {
    if (!Double.isFinite(number)) {
      String name = Double.isNaN(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
      return json ? name : Text.lower(name).replace("inity", "");
    }
    if (number == 0) {
      return 1 / number < 0 ? "-0.0" : "0.0";
    }
    BigDecimal shortest = new BigDecimal(Double.toString(number)).stripTrailingZeros();
    int exponent = shortest.precision() - shortest.scale() - 1;
    if (exponent >= -4 && exponent < 16) {
      String plain = shortest.toPlainString();
      return plain.indexOf('.') < 0 ? plain + ".0" : plain;
    }
    String digits = shortest.movePointLeft(exponent).toPlainString();
    String power = (Math.abs(exponent) < 10 ? "0" : "") + Math.abs(exponent);
    return digits + (exponent < 0 ? "e-" : "e+") + power;
  }
}
