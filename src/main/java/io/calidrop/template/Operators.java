package io.calidrop.template;

import java.util.ArrayList;
import java.util.List;

/** Python's operators; ints have 64 bits, and a bool counts as an int. */
final class Operators {
  private static final int LONGEST = 1 << 24; // characters or elements of what is repeated

  /** The order of two numbers that have none. */
  static final int NONE = Integer.MAX_VALUE;

  private Operators() {}

  static boolean isNumber(Object value) {
    return value instanceof Double || isWhole(value);
  }

  static boolean isWhole(Object value) {
    return value instanceof Long || value instanceof Boolean;
  }

  /** An int as it is, a bool as 0 or 1. */
  static long whole(Object value) {
    if (value instanceof Long number) {
      return number;
    }
    if (value instanceof Boolean flag) {
      return flag ? 1 : 0;
    }
    throw Values.unsupported(value, "", " object is no whole number");
  }

  static double real(Object value) {
    return value instanceof Double number ? number : whole(value);
  }

  /** The order of two numbers, or {@link #NONE}. */
  static int order(Object a, Object b) {
    if (a instanceof Double || b instanceof Double) {
      double x = real(a);
      double y = real(b);
      return x < y ? -1 : x > y ? 1 : x == y ? 0 : NONE;
    }
    return Long.compare(whole(a), whole(b));
  }

  static Object signed(boolean minus, Object value) {
    if (value instanceof Double number) {
      return minus ? -number : number;
    }
    return whole("*", whole(value), minus ? -1 : 1);
  }

  static Object apply(Run run, String operator, Object a, Object b) {
    if (operator.equals("~")) {
      String text = Printer.string(run, a);
      return run.made(text.concat(run.made(Printer.string(run, b))));
    }
    if (isNumber(a) && isNumber(b)) {
      return a instanceof Double || b instanceof Double || operator.equals("/")
          ? (Object) real(operator, real(a), real(b))
          : whole(operator, whole(a), whole(b));
    }
    if (a instanceof String text && operator.equals("%")) {
      return Formatter.percent(run, text, b);
    }
    if (a instanceof String x && b instanceof String y && operator.equals("+")) {
      run.spend((long) x.length() + y.length());
      return x.concat(y);
    }
    if (a instanceof Items x && b instanceof Items y && operator.equals("+")) {
      if (x.isSequence() && x.kind() == y.kind()) {
        List<Object> all = new ArrayList<>(x.values());
        all.addAll(y.values());
        return Items.of(run, x.kind(), all);
      }
    }
    if (operator.equals("*") && isWhole(isWhole(a) ? a : b)) {
      Object repeated = isWhole(a) ? b : a;
      if (repeated instanceof String || repeated instanceof Items) {
        return repeat(run, repeated, Math.max(0, whole(isWhole(a) ? a : b)));
      }
    }
    throw Values.unsupported(a, b, "unsupported operand types for " + operator + ": ");
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

  private static Object whole(String operator, long a, long b) {
    try {
      return switch (operator) {
        case "+" -> Math.addExact(a, b);
        case "-" -> Math.subtractExact(a, b);
        case "*" -> Math.multiplyExact(a, b);
        case "//" -> Math.floorDivExact(a, b);
        case "%" -> Math.floorMod(a, b);
        default -> b < 0 ? (Object) real("**", a, b) : (Object) Math.powExact(a, exponent(b));
      };
    } catch (ArithmeticException e) {
      throw b == 0 && !operator.equals("**") ? byZero() : tooLarge();
    }
  }

  private static int exponent(long exponent) {
    if (exponent > Integer.MAX_VALUE) {
      throw tooLarge();
    }
    return (int) exponent;
  }

  private static TemplateException tooLarge() {
    return new TemplateException("a whole number beyond 64 bits");
  }

  private static TemplateException byZero() {
    return new TemplateException("division by zero");
  }

  private static double real(String operator, double a, double b) {
    if (b == 0 && (operator.equals("/") || operator.equals("//") || operator.equals("%"))) {
      throw byZero();
    }
    return switch (operator) {
      case "+" -> a + b;
      case "-" -> a - b;
      case "*" -> a * b;
      case "/" -> a / b;
      case "//" -> Math.floor((a - remainder(a, b)) / b + 0.5);
      case "%" -> remainder(a, b);
      default -> Math.pow(a, b);
    };
  }

  /** With the sign of the divisor. */
  private static double remainder(double a, double b) {
    double rest = a % b;
    return rest != 0 && rest < 0 != b < 0 ? rest + b : rest;
  }

  static boolean compare(Run run, String operator, Object a, Object b) {
    return switch (operator) {
      case "==" -> Values.equal(run, a, b);
      case "!=" -> !Values.equal(run, a, b);
      case "<" -> Values.compare(run, a, b, operator) < 0;
      case "<=" -> Values.compare(run, a, b, operator) <= 0;
      case ">", ">=" -> {
        int order = Values.compare(run, a, b, operator);
        yield order != NONE && order >= (operator.equals(">") ? 1 : 0);
      }
      case "in" -> Values.contains(run, b, a);
      default -> !Values.contains(run, b, a);
    };
  }
}
