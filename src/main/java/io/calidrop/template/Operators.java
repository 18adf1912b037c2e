package io.calidrop.template;

import java.util.ArrayList;
import java.util.List;

/** Operators between two values. */
final class Operators {
  private static final int LONGEST = 1 << 24; // elements of a repeated list

  private Operators() {}

  static Object arithmetic(Run run, String operator, Object a, Object b) {
    if (Numbers.isNumber(a) && Numbers.isNumber(b)) {
      return Numbers.apply(operator, a, b);
    }
    if (a instanceof String text && operator.equals("%")) {
      return new Formatter(run).percent(text, b);
    }
    if (operator.equals("+")) {
      if (a instanceof String x && b instanceof String y) {
        run.spend((long) x.length() + y.length());
        return x.concat(y);
      }
      if (a instanceof Items x
          && b instanceof Items y
          && x.kind() == y.kind()
          && (x.kind() == Items.Kind.LIST || x.kind() == Items.Kind.TUPLE)) {
        List<Object> all = new ArrayList<>(x.values());
        all.addAll(y.values());
        return Items.of(run, x.kind(), all);
      }
    }
    if (operator.equals("*")) {
      boolean first = isWhole(a);
      Object repeated = first ? b : a;
      Object times = first ? a : b;
      if (isWhole(times) && (repeated instanceof String || repeated instanceof Items)) {
        return repeat(run, repeated, Math.max(0, Numbers.whole(times)));
      }
    }
    throw Values.unsupported(a, b, "unsupported operand types for " + operator + ": ");
  }

  private static boolean isWhole(Object value) {
    return value instanceof Long || value instanceof Boolean;
  }

  private static Object repeat(Run run, Object value, long times) {
    long length = value instanceof String text ? text.length() : Values.length(value);
    if (times > LONGEST || length * times > LONGEST) {
      throw new TemplateException("the template makes too long a value");
    }
    run.spend(length * times);
    if (value instanceof String text) {
      return text.repeat((int) times);
    }
    Items items = (Items) value;
    List<Object> all = new ArrayList<>();
    for (long i = 0; i < times && length > 0; i++) {
      all.addAll(items.values());
    }
    return Items.of(run, items.kind(), all);
  }

  static boolean compare(Run run, String operator, Object a, Object b) {
    return switch (operator) {
      case "==" -> Values.equal(run, a, b);
      case "!=" -> !Values.equal(run, a, b);
      case "<" -> Values.compare(run, a, b, operator) < 0;
      case "<=" -> Values.compare(run, a, b, operator) <= 0;
      case ">" -> Values.compare(run, a, b, operator) > 0;
      case ">=" -> Values.compare(run, a, b, operator) >= 0;
      case "in" -> Values.contains(run, b, a);
      default -> !Values.contains(run, b, a);
    };
  }
}
