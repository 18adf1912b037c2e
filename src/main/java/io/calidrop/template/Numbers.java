package io.calidrop.template;

import java.math.BigDecimal;
import java.math.RoundingMode;

/** Python's arithmetic of ints of 64 bits and floats; a bool counts as an int. */
final class Numbers {
  private Numbers() {}

  static boolean isNumber(Object value) {
    return value instanceof Long || value instanceof Double || value instanceof Boolean;
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

  private static double real(Object value) {
    return value instanceof Double number ? number : whole(value);
  }

  static int compare(Object a, Object b) {
    if (a instanceof Double || b instanceof Double) {
      double x = real(a);
      double y = real(b);
      return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2; // NaN has no order
    }
    return Long.compare(whole(a), whole(b));
  }

  static Object negate(Object value) {
    if (value instanceof Double number) {
      return -number;
    }
    try {
      return Math.negateExact(whole(value));
    } catch (ArithmeticException e) {
      throw tooLarge();
    }
  }

  static Object absolute(Object value) {
    return value instanceof Double number
        ? (Object) Math.abs(number)
        : whole(value) < 0 ? negate(value) : (Object) whole(value);
  }

  static Object apply(String operator, Object a, Object b) {
    try {
      return a instanceof Double || b instanceof Double || operator.equals("/")
          ? (Object) real(operator, real(a), real(b))
          : whole(operator, whole(a), whole(b));
    } catch (ArithmeticException e) {
      throw tooLarge();
    }
  }

  private static TemplateException tooLarge() {
    return new TemplateException("a whole number beyond 64 bits");
  }

  private static Object whole(String operator, long a, long b) {
    return switch (operator) {
      case "+" -> Math.addExact(a, b);
      case "-" -> Math.subtractExact(a, b);
      case "*" -> Math.multiplyExact(a, b);
      case "//" -> Math.floorDivExact(a, nonZero(b));
      case "%" -> Math.floorMod(a, nonZero(b));
      default -> b < 0 ? (Object) real("**", a, b) : (Object) Math.powExact(a, exponent(a, b));
    };
  }

  private static int exponent(long base, long exponent) {
    if (exponent > Integer.MAX_VALUE && Math.abs(base) > 1) {
      throw tooLarge();
    }
    return exponent > Integer.MAX_VALUE ? (int) (exponent & 1) + 2 : (int) exponent;
  }

  private static long nonZero(long divisor) {
    if (divisor == 0) {
      throw new TemplateException("division by zero");
    }
    return divisor;
  }

  private static double real(String operator, double a, double b) {
    return switch (operator) {
      case "+" -> a + b;
      case "-" -> a - b;
      case "*" -> a * b;
      case "/" -> a / nonZero(b);
      case "//" -> Math.floor((a - remainder(a, nonZero(b))) / b + 0.5);
      case "%" -> remainder(a, nonZero(b));
      default -> power(a, b);
    };
  }

  private static double nonZero(double divisor) {
    if (divisor == 0) {
      throw new TemplateException("division by zero");
    }
    return divisor;
  }

  private static double remainder(double a, double b) {
    double rest = a % b;
    return rest != 0 && rest < 0 != b < 0 ? rest + b : rest == 0 ? Math.copySign(0, b) : rest;
  }

  private static double power(double a, double b) {
    if (a == 0 && b < 0) {
      throw new TemplateException("0 cannot be raised to a negative power");
    }
    double result = Math.pow(a, b);
    if (!Double.isFinite(result) && Double.isFinite(a) && Double.isFinite(b)) {
      throw new TemplateException("the result of ** is no number");
    }
    return result;
  }

  /** {@code round}: of two equally near, the even one. */
  static Object round(Object value, int digits, String method) {
    if (method.equals("common") && !(value instanceof Double)) {
      long number = whole(value);
      return digits >= 0 ? (Object) number : (Object) rounded(number, digits).longValue();
    }
    double number = real(value);
    if (!Double.isFinite(number) || Math.abs(digits) > 300) {
      return number;
    }
    double scale = Math.pow(10, digits);
    return switch (method) {
      case "common" -> rounded(number, digits).doubleValue();
      case "ceil" -> Math.ceil(number * scale) / scale;
      case "floor" -> Math.floor(number * scale) / scale;
      default -> throw new TemplateException("method must be common, ceil or floor");
    };
  }

  private static BigDecimal rounded(double number, int digits) {
    return new BigDecimal(number).setScale(digits, RoundingMode.HALF_EVEN);
  }

  /** {@code int(value)}, or null where Python has an error. */
  static Long parse(Object value, int base) {
    return switch (value) {
      case Long number -> number;
      case Boolean flag -> whole(flag);
      case Double number ->
          Double.isFinite(number) && Math.abs(number) < 0x1p63 ? number.longValue() : null;
      case String text -> parseText(text.strip(), base);
      case null, default -> null;
    };
  }

  private static Long parseText(String text, int base) {
    try {
      if (base == 10 || base == 16 && !text.startsWith("0x")) {
        return Long.valueOf(text.replace("_", ""), base);
      }
      return base == 16 ? Long.valueOf(text.substring(2), 16) : Long.valueOf(text, base);
    } catch (NumberFormatException e) {
      Double real = base == 10 ? parseReal(text) : null;
      return real == null ? null : parse(real, base);
    }
  }

  /** {@code float(value)}, or null where Python has an error. */
  static Double parseReal(Object value) {
    if (isNumber(value)) {
      return real(value);
    }
    if (!(value instanceof String text)) {
      return null;
    }
    String number = text.strip().toLowerCase(java.util.Locale.ROOT);
    String unsigned =
        number.startsWith("-") || number.startsWith("+") ? number.substring(1) : number;
    double sign = number.startsWith("-") ? -1 : 1;
    if (unsigned.equals("inf") || unsigned.equals("infinity")) {
      return sign * Double.POSITIVE_INFINITY;
    }
    if (unsigned.equals("nan")) {
      return Double.NaN;
    }
    for (int i = 0; i < unsigned.length(); i++) {
      if ("0123456789.e+-".indexOf(unsigned.charAt(i)) < 0) {
        return null; // Java reads suffixes and hexadecimal
      }
    }
    try {
      return sign * Double.parseDouble(unsigned);
    } catch (NumberFormatException e) {
      return null;
    }
  }
}
