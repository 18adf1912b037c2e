package io.calidrop.template;

import java.util.Map;

/** What can follow {@code is}. */
final class Tests {
  private Tests() {}

  static boolean apply(Run run, String name, Object value, Arguments arguments) {
    return switch (name) {
      case "eq", "equalto", "==" -> compare(run, "==", value, name, arguments);
      case "ne", "!=" -> compare(run, "!=", value, name, arguments);
      case "lt", "lessthan", "<" -> compare(run, "<", value, name, arguments);
      case "le", "<=" -> compare(run, "<=", value, name, arguments);
      case "gt", "greaterthan", ">" -> compare(run, ">", value, name, arguments);
      case "ge", ">=" -> compare(run, ">=", value, name, arguments);
      case "in" -> compare(run, "in", value, name, arguments);
      case "sameas" -> {
        Object other = arguments.bind(name, "other").value(0);
        boolean simple = value instanceof Boolean || value instanceof Long;
        yield value == other || simple && value.equals(other);
      }
      case "divisibleby" -> rest(run, value, arguments.bind(name, "num").value(0), 0);
      default -> {
        arguments.bind("test " + name);
        yield is(run, name, value);
      }
    };
  }

  private static boolean compare(
      Run run, String operator, Object value, String name, Arguments arguments) {
    return Operators.compare(run, operator, value, arguments.bind(name, "other").value(0));
  }

  private static boolean rest(Run run, Object value, Object divisor, long wanted) {
    return Values.equal(run, Operators.apply(run, "%", value, divisor), wanted);
  }

  private static boolean is(Run run, String name, Object value) {
    boolean iterable =
        value instanceof String
            || value instanceof Map
            || value instanceof Undefined
            || value instanceof Items;
    return switch (name) {
      case "defined" -> !(value instanceof Undefined);
      case "undefined" -> value instanceof Undefined;
      case "none" -> value == null;
      case "boolean" -> value instanceof Boolean;
      case "true" -> Boolean.TRUE.equals(value);
      case "false" -> Boolean.FALSE.equals(value);
      case "integer" -> value instanceof Long;
      case "float" -> value instanceof Double;
      case "number" -> Operators.isNumber(value);
      case "string" -> value instanceof String;
      case "mapping" -> value instanceof Map;
      case "sequence" -> iterable && !(value instanceof Items items && !items.isSequence());
      case "iterable" -> iterable;
      case "callable" -> value instanceof Callable || value instanceof Undefined;
      case "even" -> rest(run, value, 2L, 0);
      case "odd" -> rest(run, value, 2L, 1);
      case "lower", "upper" -> Methods.is(Printer.string(run, value), "is" + name);
      case "escaped" -> false;
      default -> throw new TemplateException("no test named '" + name + "'");
    };
  }
}
