package io.calidrop.template;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Values as text: Python's {@code str}, {@code repr} and {@code json.dumps}. */
final class Printer {
  private Printer() {}

  /** {@code str(value)}. */
  static String string(Run run, Object value) {
    if (value instanceof String text) {
      return text;
    }
    if (value instanceof Undefined) {
      return "";
    }
    return representation(run, value);
  }

  /** {@code repr(value)}. */
  static String representation(Run run, Object value) {
    StringBuilder out = new StringBuilder();
    represent(run, value, out);
    return out.toString();
  }

  private static void represent(Run run, Object value, StringBuilder out) {
    int before = out.length();
    if (value == null) {
      out.append("None");
    } else if (value instanceof Boolean flag) {
      out.append(flag ? "True" : "False");
    } else if (value instanceof Double number) {
      out.append(real(number));
    } else if (value instanceof Number number) {
      out.append(number);
    } else if (value instanceof String text) {
      quote(text, out);
    } else if (value instanceof Items items) {
      represent(run, items, out);
    } else if (value instanceof Dict dict) {
      represent(run, dict, out);
    } else if (value instanceof Undefined) {
      out.append("Undefined");
    } else {
      out.append('<').append(Values.type(value)).append('>');
    }
    // Each level of nesting pays for what is inside again; there are few.
    run.spend(1 + out.length() - before);
  }

  private static void represent(Run run, Items items, StringBuilder out) {
    List<Object> values = items.values();
    switch (items.kind()) {
      case TUPLE -> list(run, values, "(", values.size() == 1 ? ",)" : ")", out);
      case RANGE -> {
        out.append("range(").append(values.isEmpty() ? 0 : values.getFirst()).append(", ");
        out.append(values.isEmpty() ? 0 : (Long) values.getLast() + 1).append(')');
      }
      case KEYS, VALUES, ITEMS -> {
        out.append(items.kind().type());
        list(run, values, "([", "])", out);
      }
      case GENERATOR -> out.append("<generator>");
      case LIST -> list(run, values, "[", "]", out);
    }
  }

  private static void list(
      Run run, List<Object> values, String open, String close, StringBuilder out) {
    out.append(open);
    boolean first = true;
    for (Object value : values) {
      if (!first) {
        out.append(", ");
      }
      represent(run, value, out);
      first = false;
    }
    out.append(close);
  }

  private static void represent(Run run, Dict dict, StringBuilder out) {
    out.append('{');
    boolean first = true;
    for (Map.Entry<Object, Object> entry : dict.entries().entrySet()) {
      if (!first) {
        out.append(", ");
      }
      represent(run, entry.getKey(), out);
      out.append(": ");
      represent(run, entry.getValue(), out);
      first = false;
    }
    out.append('}');
  }

  private static void quote(String text, StringBuilder out) {
    char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
    out.append(quote);
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      switch (c) {
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        case '\\' -> out.append("\\\\");
        default -> {
          if (c == quote) {
            out.append('\\').append(quote);
          } else if (isPrintable(c)) {
            out.appendCodePoint(c);
          } else {
            out.append(c < 0x100 ? "\\x" : c < 0x10000 ? "\\u" : "\\U");
            hex(c, c < 0x100 ? 2 : c < 0x10000 ? 4 : 8, out);
          }
        }
      }
    }
    out.append(quote);
  }

  private static void hex(int c, int digits, StringBuilder out) {
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
      out.append(Character.forDigit(c >> shift & 15, 16));
    }
  }

  private static boolean isPrintable(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      case Character.SPACE_SEPARATOR -> c == ' ';
      default -> true;
    };
  }

  /** {@code repr} of a float: the shortest digits that give it back. */
  static String real(double number) {
    if (!Double.isFinite(number)) {
      return Double.isNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";
    }
    if (number == 0) {
      return 1 / number < 0 ? "-0.0" : "0.0";
    }
    BigDecimal shortest = new BigDecimal(shortest(number)).stripTrailingZeros();
    String digits = shortest.unscaledValue().abs().toString();
    int exponent = digits.length() - shortest.scale() - 1;
    StringBuilder out = new StringBuilder(number < 0 ? "-" : "");
    if (exponent < -4 || exponent >= 16) {
      out.append(digits.charAt(0));
      if (digits.length() > 1) {
        out.append('.').append(digits, 1, digits.length());
      }
      out.append('e').append(exponent < 0 ? '-' : '+');
      return out.append(Math.abs(exponent) < 10 ? "0" : "").append(Math.abs(exponent)).toString();
    }
    String plain = shortest.abs().toPlainString();
    return out.append(plain).append(plain.indexOf('.') < 0 ? ".0" : "").toString();
  }

  /** The least number is the one that Java writes with a digit more. */
  private static String shortest(double number) {
    return Math.abs(number) == Double.MIN_VALUE
        ? Math.signum(number) < 0 ? "-5e-324" : "5e-324"
        : Double.toString(number);
  }

  /** How {@code json.dumps} writes. */
  record Json(boolean ascii, String indent, String itemEnd, String keyEnd, boolean sorted) {
    String write(Run run, Object value) {
      StringBuilder out = new StringBuilder();
      write(run, value, "\n", out);
      return run.made(out.toString());
    }

    private void write(Run run, Object value, String newline, StringBuilder out) {
      run.spend(1);
      if (value instanceof String text) {
        string(run, text, out);
      } else if (value instanceof Dict dict) {
        dict(run, dict, newline, out);
      } else if (value instanceof Items items && isArray(items)) {
        list(run, items.values(), newline, out);
      } else if (value instanceof Double number) {
        out.append(number(number));
      } else if (value == null || value instanceof Boolean || value instanceof Long) {
        out.append(value);
      } else {
        throw new TemplateException(
            "object of type " + Values.type(value) + " is not JSON serializable");
      }
    }

    private static boolean isArray(Items items) {
      return items.kind() == Items.Kind.LIST || items.kind() == Items.Kind.TUPLE;
    }

    private static String number(double number) {
      return Double.isFinite(number)
          ? real(number)
          : Double.isNaN(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
    }

    private void list(Run run, List<Object> values, String newline, StringBuilder out) {
      String inner = indent == null ? "" : newline + indent;
      out.append('[');
      boolean first = true;
      for (Object value : values) {
        separate(run, first, inner, out);
        write(run, value, inner, out);
        first = false;
      }
      close(run, first, newline, ']', out);
    }

    private void dict(Run run, Dict dict, String newline, StringBuilder out) {
      String inner = indent == null ? "" : newline + indent;
      List<Object> keys = dict.keys();
      if (sorted) {
        keys = new ArrayList<>(keys);
        keys.sort((a, b) -> Values.compare(run, a, b, "<"));
      }
      out.append('{');
      boolean first = true;
      for (Object key : keys) {
        separate(run, first, inner, out);
        if (key instanceof String text) {
          string(run, text, out);
        } else {
          out.append('"');
          write(run, key, inner, out);
          out.append('"');
        }
        out.append(keyEnd);
        write(run, dict.entries().get(key), inner, out);
        first = false;
      }
      close(run, first, newline, '}', out);
    }

    private void separate(Run run, boolean first, String inner, StringBuilder out) {
      run.spend(inner.length() + itemEnd.length());
      out.append(first ? "" : itemEnd).append(inner);
    }

    private void close(Run run, boolean empty, String newline, char bracket, StringBuilder out) {
      if (!empty && indent != null) {
        run.spend(newline.length());
        out.append(newline);
      }
      out.append(bracket);
    }

    private void string(Run run, String text, StringBuilder out) {
      run.spend(text.length());
      out.append('"');
      for (int i = 0; i < text.length(); i++) {
        char c = text.charAt(i);
        switch (c) {
          case '"' -> out.append("\\\"");
          case '\\' -> out.append("\\\\");
          case '\n' -> out.append("\\n");
          case '\r' -> out.append("\\r");
          case '\t' -> out.append("\\t");
          case '\b' -> out.append("\\b");
          case '\f' -> out.append("\\f");
          default -> {
            if (c < ' ' || ascii && c > '~') {
              out.append("\\u");
              hex(c, 4, out);
            } else {
              out.append(c);
            }
          }
        }
      }
      out.append('"');
    }
  }
}
