package io.calidrop.template;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The arguments of a call.
 *
 * @param positional in their order
 * @param named in their order
 */
record Arguments(List<Object> positional, Map<String, Object> named) {
  static final Arguments NONE = new Arguments(List.of(), Map.of());

  /** Stands for an argument that was not given. */
  private static final Object ABSENT = new Object();

  /** Without so many of the positional ones, the first. */
  Arguments from(int first) {
    return new Arguments(positional.subList(first, positional.size()), named);
  }

  /**
   * The arguments in the order of the parameters' names.
   *
   * @throws TemplateException if there are more, or others
   */
  Bound bind(String function, String... names) {
    Object[] values = new Object[names.length];
    Map<String, Object> others = new LinkedHashMap<>(named);
    for (int i = 0; i < names.length; i++) {
      if (i < positional.size()) {
        values[i] = positional.get(i);
      } else {
        values[i] = others.containsKey(names[i]) ? others.remove(names[i]) : ABSENT;
      }
    }
    if (positional.size() > names.length || !others.isEmpty()) {
      throw tooMany(function, names.length, others);
    }
    return new Bound(function, names, values);
  }

  /** The error of arguments that nothing takes, or takes again. */
  static TemplateException tooMany(String function, int most, Map<?, ?> others) {
    return new TemplateException(
        others.isEmpty()
            ? function + " takes at most " + most + " arguments"
            : function + " takes no other '" + others.keySet().iterator().next() + "'");
  }

  /** Arguments that have their places. */
  record Bound(String function, String[] names, Object[] values) {
    /** A value that must be there. */
    Object value(int index) {
      if (values[index] == ABSENT) {
        throw new TemplateException(function + " needs the argument '" + names[index] + "'");
      }
      return values[index];
    }

    Object value(int index, Object absent) {
      return values[index] == ABSENT ? absent : values[index];
    }

    boolean flag(int index) {
      return Values.isTrue(value(index, false));
    }

    int whole(int index, int absent) {
      Object value = value(index, null);
      return value == null
          ? absent
          : Math.clamp(Operators.whole(value), -Integer.MAX_VALUE, Integer.MAX_VALUE);
    }

    /** A text that must be there. */
    String text(int index) {
      if (value(index) instanceof String text) {
        return text;
      }
      String start = "'" + names[index] + "' of " + function + " must be a str, not ";
      throw Values.unsupported(value(index), start, "");
    }

    String text(int index, String absent) {
      return value(index, null) == null ? absent : text(index);
    }
  }
}
