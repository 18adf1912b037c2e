package io.calidrop.template;

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

  /**
   * The arguments in the order of the parameters' names.
   *
   * @throws TemplateException if there are more, or others
   */
  Bound bind(String function, String... names) {
    if (positional.size() > names.length) {
      throw new TemplateException(
          function + " takes at most " + names.length + " arguments, not " + positional.size());
    }
    Object[] values = new Object[names.length];
    int used = positional.size();
    for (int i = 0; i < names.length; i++) {
      boolean named = this.named.containsKey(names[i]);
      if (i < positional.size()) {
        values[i] = positional.get(i);
        if (named) {
          throw new TemplateException(function + " has two values for '" + names[i] + "'");
        }
      } else {
        values[i] = named ? this.named.get(names[i]) : ABSENT;
        used += named ? 1 : 0;
      }
    }
    if (used < positional.size() + this.named.size()) {
      for (String name : this.named.keySet()) {
        if (!List.of(names).contains(name)) {
          throw new TemplateException(function + " takes no argument '" + name + "'");
        }
      }
    }
    return new Bound(function, names, values);
  }

  /** Arguments that have their places. */
  static final class Bound {
    private final String function;
    private final String[] names;
    private final Object[] values;

    private Bound(String function, String[] names, Object[] values) {
      this.function = function;
      this.names = names;
      this.values = values;
    }

    boolean has(int index) {
      return values[index] != ABSENT;
    }

    /** A value that must be there. */
    Object value(int index) {
      if (!has(index)) {
        throw new TemplateException(function + " needs the argument '" + names[index] + "'");
      }
      return values[index];
    }

    Object value(int index, Object defaultValue) {
      return has(index) ? values[index] : defaultValue;
    }

    boolean flag(int index) {
      return has(index) && Values.isTrue(values[index]);
    }

    int whole(int index, int defaultValue) {
      return has(index) && values[index] != null
          ? Math.toIntExact(
              Math.clamp(Numbers.whole(values[index]), -Integer.MAX_VALUE, Integer.MAX_VALUE))
          : defaultValue;
    }

    /** A text that must be there. */
    String text(int index) {
      if (value(index) instanceof String text) {
        return text;
      }
      throw new TemplateException(
          "'"
              + names[index]
              + "' of "
              + function
              + " must be a str, not "
              + Values.type(value(index)));
    }

    String text(int index, String defaultValue) {
      return has(index) && values[index] != null ? text(index) : defaultValue;
    }
  }
}
