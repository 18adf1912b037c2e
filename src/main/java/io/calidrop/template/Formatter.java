package io.calidrop.template;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.List;
import java.util.Locale;

/** Python's two ways to fill a text: {@code '%s' % x} and {@code '{}'.format(x)}. */
final class Formatter {
  private final Run run;
  private int next; // the argument that an empty field takes

  Formatter(Run run) {
    this.run = run;
  }

  /** {@code pattern % values}. */
  String percent(String pattern, Object values) {
    boolean many = values instanceof Items items && items.kind() == Items.Kind.TUPLE;
    List<Object> arguments =
        many ? ((Items) values).values() : java.util.Collections.singletonList(values);
    StringBuilder out = new StringBuilder();
    int used = 0;
    boolean named = false;
    for (int i = 0; i < pattern.length(); i++) {
      char c = pattern.charAt(i);
      if (c != '%') {
        out.append(c);
        continue;
      }
      Object value = null;
      boolean taken = false;
      if (pattern.startsWith("(", ++i)) {
        int end = pattern.indexOf(')', i);
        if (end < 0 || !(values instanceof Dict)) {
          throw new TemplateException("format requires a mapping");
        }
        value = required(Access.item(run, values, pattern.substring(i + 1, end)));
        taken = true;
        named = true;
        i = end + 1;
      }
      int start = i;
      while (i < pattern.length() && "-+ #0123456789.".indexOf(pattern.charAt(i)) >= 0) {
        i++;
      }
      if (i >= pattern.length()) {
        throw new TemplateException("incomplete format");
      }
      char type = pattern.charAt(i);
      if (type == '%') {
        out.append('%');
        continue;
      }
      if (!taken) {
        if (used >= arguments.size()) {
          throw new TemplateException("not enough arguments for format string");
        }
        value = arguments.get(used++);
      }
      out.append(percent(type, pattern.substring(start, i), value));
    }
    boolean container = values instanceof Dict || values instanceof Items && !many;
    if (!named && used < arguments.size() && !container) {
      throw new TemplateException("not all arguments converted during string formatting");
    }
    return run.made(out.toString());
  }

  private String percent(char type, String flags, Object value) {
    int digits = 0;
    while (digits < flags.length() && "-+ #0".indexOf(flags.charAt(digits)) >= 0) {
      digits++;
    }
    String marks = flags.substring(0, digits);
    String sizes = flags.substring(digits);
    String sign = marks.contains("+") ? "+" : marks.contains(" ") ? " " : "";
    String alternate = marks.contains("#") ? "#" : "";
    boolean text = type == 's' || type == 'r' || type == 'a' || type == 'c';
    if (text) {
      String shown =
          type == 's' || type == 'c'
              ? Printer.string(run, value)
              : Printer.representation(run, value);
      return spec(shown, (marks.contains("-") ? "<" : ">") + sizes);
    }
    Object number =
        "fFeEgG".indexOf(type) >= 0 || !(value instanceof Double real)
            ? value
            : (Object) real.longValue();
    if (!Numbers.isNumber(number)) {
      throw Values.unsupported(value, "%" + type + " wants a number, not ", "");
    }
    number = number instanceof Boolean ? (Object) Numbers.whole(number) : number;
    String align = marks.contains("-") ? "<" : marks.contains("0") ? "0=" : ">";
    return spec(
        number, align + sign + alternate + sizes + (type == 'i' || type == 'u' ? 'd' : type));
  }

  /** {@code pattern.format(arguments)}. */
  String format(String pattern, Arguments arguments) {
    return run.made(format(pattern, arguments, 0));
  }

  private String format(String pattern, Arguments arguments, int depth) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < pattern.length(); i++) {
      char c = pattern.charAt(i);
      if ((c == '{' || c == '}') && pattern.startsWith(String.valueOf(c), i + 1)) {
        out.append(c);
        i++;
      } else if (c == '{') {
        int end = end(pattern, i);
        out.append(field(pattern.substring(i + 1, end), arguments, depth));
        run.spend(1);
        i = end;
      } else if (c == '}') {
        throw new TemplateException("single '}' encountered in format string");
      } else {
        out.append(c);
      }
    }
    return out.toString();
  }

  private static int end(String pattern, int open) {
    int depth = 0;
    for (int i = open; i < pattern.length(); i++) {
      depth += pattern.charAt(i) == '{' ? 1 : pattern.charAt(i) == '}' ? -1 : 0;
      if (depth == 0) {
        return i;
      }
    }
    throw new TemplateException("expected '}' before end of string");
  }

  private String field(String field, Arguments arguments, int depth) {
    if (depth > 1) {
      throw new TemplateException("a format field is nested too deeply");
    }
    int colon = field.indexOf(':');
    String spec = colon < 0 ? "" : format(field.substring(colon + 1), arguments, depth + 1);
    String name = colon < 0 ? field : field.substring(0, colon);
    int mark = name.indexOf('!');
    String conversion = mark < 0 ? "" : name.substring(mark + 1);
    Object value = lookup(mark < 0 ? name : name.substring(0, mark), arguments);
    return switch (conversion) {
      case "" -> spec(value, spec);
      case "s" -> spec(Printer.string(run, value), spec);
      case "r" -> spec(Printer.representation(run, value), spec);
      default -> throw new TemplateException("unknown conversion '" + conversion + "'");
    };
  }

  private Object lookup(String path, Arguments arguments) {
    int end = 0;
    while (end < path.length() && path.charAt(end) != '.' && path.charAt(end) != '[') {
      end++;
    }
    String first = path.substring(0, end);
    Object value;
    if (first.isEmpty() || isNumber(first)) {
      int index = first.isEmpty() ? next++ : Integer.parseInt(first);
      if (index >= arguments.positional().size()) {
        throw new TemplateException("format has no argument " + index);
      }
      value = arguments.positional().get(index);
    } else if (arguments.named().containsKey(first)) {
      value = arguments.named().get(first);
    } else {
      throw new TemplateException("format has no argument '" + first + "'");
    }
    while (end < path.length()) {
      boolean bracket = path.charAt(end) == '[';
      int start = end + 1;
      end = start;
      while (end < path.length()
          && (bracket
              ? path.charAt(end) != ']'
              : path.charAt(end) != '.' && path.charAt(end) != '[')) {
        end++;
      }
      String key = path.substring(start, end);
      value =
          required(
              bracket
                  ? Access.item(run, value, isNumber(key) ? (Object) Long.valueOf(key) : key)
                  : Access.attribute(run, value, key));
      end += bracket ? 1 : 0;
    }
    return value;
  }

  private static boolean isNumber(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) < '0' || text.charAt(i) > '9') {
        return false;
      }
    }
    return !text.isEmpty() && text.length() < 9;
  }

  private static Object required(Object value) {
    if (value instanceof Undefined undefined) {
      throw undefined.error();
    }
    return value;
  }

  /**
   * A value in Python's format of {@code [[fill]align][sign][#][0][width][,][.precision][type]}.
   */
  String spec(Object value, String spec) {
    if (spec.isEmpty()) {
      return Printer.string(run, value);
    }
    int i = 0;
    String fill = " ";
    char align = 0;
    if (spec.length() > 1 && "<>=^".indexOf(spec.charAt(1)) >= 0) {
      fill = spec.substring(0, 1);
      align = spec.charAt(1);
      i = 2;
    } else if ("<>=^".indexOf(spec.charAt(0)) >= 0) {
      align = spec.charAt(i++);
    }
    char sign = i < spec.length() && "+- ".indexOf(spec.charAt(i)) >= 0 ? spec.charAt(i++) : '-';
    boolean alternate = spec.startsWith("#", i);
    i += alternate ? 1 : 0;
    if (spec.startsWith("0", i)) {
      fill = align == 0 ? "0" : fill;
      align = align == 0 ? '=' : align;
      i++;
    }
    int start = i;
    i = digits(spec, i);
    int width = size(spec.substring(start, i), 0);
    boolean grouped = spec.startsWith(",", i) || spec.startsWith("_", i);
    char group = grouped ? spec.charAt(i++) : ',';
    int precision = -1;
    if (spec.startsWith(".", i)) {
      int first = i + 1;
      i = digits(spec, first);
      precision = size(spec.substring(first, i), -1);
    }
    String type = spec.substring(i);
    boolean number = Numbers.isNumber(value) && !(value instanceof Boolean && type.isEmpty());
    boolean text = value instanceof String || value instanceof Boolean;
    if (type.length() > 1 || !number && !text || !number && !type.isEmpty() && !type.equals("s")) {
      throw new TemplateException("unknown format '" + spec + "' for a " + Values.type(value));
    }
    String body;
    String before = "";
    if (number) {
      body = number(value, type.isEmpty() ? 0 : type.charAt(0), precision, alternate);
      boolean negative = body.startsWith("-");
      before = negative ? "-" : sign == '-' ? "" : String.valueOf(sign);
      body = negative ? body.substring(1) : body;
      body = grouped ? grouped(body, group) : body;
    } else {
      body = Printer.string(run, value);
      body =
          precision >= 0 && precision < Text.length(body) ? Text.slice(body, 0, precision) : body;
    }
    return padded(before, body, align == 0 ? number ? '>' : '<' : align, fill, width);
  }

  private static int digits(String spec, int from) {
    int i = from;
    while (i < spec.length() && spec.charAt(i) >= '0' && spec.charAt(i) <= '9') {
      i++;
    }
    return i;
  }

  private static int size(String digits, int absent) {
    if (digits.length() > 6) {
      throw new TemplateException("a format's width is too large");
    }
    return digits.isEmpty() ? absent : Integer.parseInt(digits);
  }

  private String padded(String sign, String body, char align, String fill, int width) {
    int missing = Math.max(0, width - Text.length(sign) - Text.length(body));
    run.spend(missing);
    int left =
        switch (align) {
          case '<' -> 0;
          case '^' -> missing / 2;
          default -> missing;
        };
    String padding = fill.repeat(left);
    return align == '='
        ? sign + padding + body
        : padding + sign + body + fill.repeat(missing - left);
  }

  private String number(Object value, char type, int precision, boolean alternate) {
    boolean real = value instanceof Double;
    switch (type) {
      case 0, 'n' -> {
        return real && precision >= 0
            ? general((Double) value, precision)
            : Printer.string(run, real ? value : (Object) Numbers.whole(value));
      }
      case 'd' -> {
        return Long.toString(Numbers.whole(value));
      }
      case 'x', 'X', 'o', 'b' -> {
        long number = Numbers.whole(value);
        int radix = type == 'o' ? 8 : type == 'b' ? 2 : 16;
        String digits = Long.toUnsignedString(Math.abs(number), radix);
        String prefix = alternate ? "0" + type : "";
        return (number < 0 ? "-" : "")
            + prefix
            + (type == 'X' ? digits.toUpperCase(Locale.ROOT) : digits);
      }
      default -> {}
    }
    double number = Numbers.parseReal(value);
    if (!Double.isFinite(number)) {
      return Printer.real(number);
    }
    int places = precision < 0 ? 6 : precision;
    run.spend(places + 400L);
    return switch (type) {
      case 'f', 'F' -> fixed(number, places);
      case '%' -> fixed(number * 100, places) + "%";
      case 'e', 'E' -> scientific(number, places, type);
      case 'g', 'G' -> general(number, places);
      default -> throw new TemplateException("unknown format code '" + type + "'");
    };
  }

  private static String fixed(double number, int places) {
    String digits =
        new BigDecimal(number).setScale(places, RoundingMode.HALF_EVEN).abs().toPlainString();
    return (number < 0 || 1 / number < 0 ? "-" : "") + digits;
  }

  private static String scientific(double number, int places, char mark) {
    BigDecimal rounded =
        number == 0
            ? BigDecimal.ZERO.setScale(places)
            : new BigDecimal(number)
                .round(new java.math.MathContext(places + 1, RoundingMode.HALF_EVEN));
    String digits = rounded.unscaledValue().abs().toString();
    int exponent = number == 0 ? 0 : digits.length() - rounded.scale() - 1;
    StringBuilder out = new StringBuilder(number < 0 ? "-" : "");
    out.append(digits.charAt(0));
    if (places > 0) {
      String fraction = digits.substring(1);
      out.append('.').append(fraction).append("0".repeat(Math.max(0, places - fraction.length())));
    }
    out.append(mark).append(exponent < 0 ? '-' : '+');
    return out.append(Math.abs(exponent) < 10 ? "0" : "").append(Math.abs(exponent)).toString();
  }

  private static String general(double number, int precision) {
    int places = Math.max(1, precision);
    String written = scientific(number, places - 1, 'e');
    int mark = written.indexOf('e');
    int exponent = Integer.parseInt(written.substring(mark + 1));
    if (exponent >= -4 && exponent < places) {
      return trimmed(fixed(number, places - 1 - exponent));
    }
    return trimmed(written.substring(0, mark)) + written.substring(mark);
  }

  private static String trimmed(String digits) {
    if (digits.indexOf('.') < 0) {
      return digits;
    }
    String shorter = Text.strip(digits, "0", false, true);
    return Text.strip(shorter, ".", false, true);
  }

  private static String grouped(String digits, char group) {
    int end = digits(digits, 0);
    StringBuilder out = new StringBuilder(digits);
    for (int i = end - 3; i > 0; i -= 3) {
      out.insert(i, group);
    }
    return out.toString();
  }
}
