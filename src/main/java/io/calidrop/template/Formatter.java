package io.calidrop.template;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Python's two ways to fill a text, {@code '%s' % x} and {@code '{}'.format(x)}. */
final class Formatter {
  private static final String SIZES = "\\d{0,3}(?:\\.\\d{1,3})?";
  private static final Pattern PERCENT =
      Pattern.compile("%(?:\\(([^)%]*)\\))?([-+ 0]*" + SIZES + ")(.?)", Pattern.DOTALL);
  private static final Pattern BRACES =
      Pattern.compile(
          "\\{\\{|}}|\\{(\\d{0,3}|[a-zA-Z_]\\w*+)(!r)?(?::([+,]?(?:0\\d{1,2})?(?:\\.\\d{1,2}(?=f))?)([sdfx]?))?}|[{}]");

  private Formatter() {}

  /** {@code pattern % values}. */
  static String percent(Run run, String pattern, Object values) {
    boolean many = values instanceof Items items && items.kind() == Items.Kind.TUPLE;
    List<Object> given =
        many ? ((Items) values).values() : java.util.Collections.singletonList(values);
    StringBuilder out = new StringBuilder();
    Matcher field = PERCENT.matcher(pattern);
    int used = 0;
    while (field.find()) {
      String replacement = "%";
      if (!field.group(3).equals("%")) {
        Object value;
        if (field.group(3).isEmpty()) {
          throw new TemplateException("incomplete format");
        } else if (field.group(1) != null) {
          value = Access.item(run, values, field.group(1));
        } else if (used < given.size()) {
          value = given.get(used++);
        } else {
          throw new TemplateException("not enough arguments for format string");
        }
        replacement = shown(run, value, field.group(2), field.group(3));
      }
      field.appendReplacement(out, Matcher.quoteReplacement(replacement));
    }
    if (used < given.size() && (many || !(values instanceof Map || values instanceof Items))) {
      throw new TemplateException("not all arguments converted during string formatting");
    }
    return run.made(field.appendTail(out).toString());
  }

  /** {@code pattern.format(arguments)}. */
  static String format(Run run, String pattern, Arguments arguments) {
    StringBuilder out = new StringBuilder();
    Matcher field = BRACES.matcher(pattern);
    int next = 0;
    while (field.find()) {
      String replacement = field.group().substring(1);
      String name = field.group(1);
      if (name != null) {
        boolean numbered = name.isEmpty() || Character.isDigit(name.charAt(0));
        Object value;
        if (numbered) {
          int index = name.isEmpty() ? next++ : Integer.parseInt(name);
          value = index < arguments.positional().size() ? arguments.positional().get(index) : out;
        } else {
          value = arguments.named().getOrDefault(name, out);
        }
        if (value == out) {
          throw new TemplateException("format has no argument '" + name + "'");
        }
        String type = field.group(2) != null ? "r" : field.group(4);
        replacement = shown(run, value, field.group(3), type);
      } else if (replacement.isEmpty()) {
        throw new TemplateException("a field of a format that is none");
      }
      field.appendReplacement(out, Matcher.quoteReplacement(replacement));
    }
    return run.made(field.appendTail(out).toString());
  }

  /** A value in a format that Java has too: its flags and its type, both null where not given. */
  private static String shown(Run run, Object value, String flags, String type) {
    String start = "%" + (flags == null ? "" : flags);
    Object shown = value instanceof Boolean ? null : value;
    String kind = type == null || type.isEmpty() ? shown instanceof Long ? "d" : "s" : type;
    run.spend(1000);
    try {
      Object argument =
          switch (kind) {
            case "s" -> Printer.string(run, value);
            case "r" -> Printer.representation(run, value);
            case "f" -> {
              int point = start.indexOf('.');
              int places = point < 0 ? 6 : Integer.parseInt(start.substring(point + 1));
              BigDecimal exact = new BigDecimal(Operators.real(value));
              yield exact.setScale(places, RoundingMode.HALF_EVEN);
            }
            case "d", "i", "x" -> {
              boolean real = value instanceof Double && !kind.equals("x");
              yield BigInteger.valueOf(
                  real ? ((Double) value).longValue() : Operators.whole(value));
            }
            default -> throw new TemplateException("unknown format '%" + type + "'");
          };
      String java = kind.equals("r") ? "s" : kind.equals("i") ? "d" : kind;
      return String.format(Locale.ROOT, start + java, argument);
    } catch (IllegalArgumentException e) {
      throw new TemplateException("unknown format '" + start + kind + "'");
    }
  }
}
