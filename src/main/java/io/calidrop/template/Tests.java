package io.calidrop.template;

/** What can follow {@code is}. */
final class Tests {
  private Tests() {}

  static boolean apply(Run run, String name, Object value, Arguments arguments) {
    switch (name) {
      case "divisibleby" -> {
        Object divisor = arguments.bind(name, "num").value(0);
        return Values.equal(run, Operators.arithmetic(run, "%", value, divisor), 0L);
      }
      case "in" -> {
        return Values.contains(run, arguments.bind(name, "seq").value(0), value);
      }
      case "sameas" -> {
        Object other = arguments.bind(name, "other").value(0);
        boolean simple = value == null || value instanceof Boolean || value instanceof Long;
        return value == other || simple && value != null && value.equals(other);
      }
      default -> {
        String operator = operator(name);
        if (operator != null) {
          return Operators.compare(run, operator, value, arguments.bind(name, "other").value(0));
        }
      }
    }
    arguments.bind("test " + name);
    return switch (name) {
      case "defined" -> !(value instanceof Undefined);
      case "undefined" -> value instanceof Undefined;
      case "none" -> value == null;
      case "boolean" -> value instanceof Boolean;
      case "true" -> Boolean.TRUE.equals(value);
      case "false" -> Boolean.FALSE.equals(value);
      case "integer" -> value instanceof Long;
      case "float" -> value instanceof Double;
      case "number" -> Numbers.isNumber(value);
      case "string" -> value instanceof String;
      case "mapping" -> value instanceof Dict;
      case "sequence" ->
          value instanceof String
              || value instanceof Dict
              || value instanceof Undefined
              || value instanceof Items items && items.isSequence();
      case "iterable" ->
          value instanceof String
              || value instanceof Dict
              || value instanceof Undefined
              || value instanceof Items;
      case "callable" -> value instanceof Callable || value instanceof Undefined;
      case "even" -> Values.equal(run, Operators.arithmetic(run, "%", value, 2L), 0L);
      case "odd" -> Values.equal(run, Operators.arithmetic(run, "%", value, 2L), 1L);
      case "lower" ->
          new StringMethods(run, Printer.string(run, value)).call("islower", Arguments.NONE)
              == Boolean.TRUE;
      case "upper" ->
          new StringMethods(run, Printer.string(run, value)).call("isupper", Arguments.NONE)
              == Boolean.TRUE;
      case "escaped" -> false;
      default -> throw new TemplateException("no test named '" + name + "'");
    };
  }

  private static String operator(String name) {
    return switch (name) {
      case "eq", "equalto", "==" -> "==";
      case "ne", "!=" -> "!=";
      case "lt", "lessthan", "<" -> "<";
      case "le", "<=" -> "<=";
      case "gt", "greaterthan", ">" -> ">";
      case "ge", ">=" -> ">=";
      default -> null;
    };
  }
}
