package io.calidrop.template;

import java.util.HashMap;
import java.util.Map;

/** Names with their values; what is not here may be in the scope around it. */
final class Scope {
  private final Scope outer; // or null
  private final Map<String, Object> values = new HashMap<>(8);

  Scope(Scope outer) {
    this.outer = outer;
  }

  void set(String name, Object value) {
    values.put(name, value);
  }

  /** The value of a name, an {@link Undefined} where it has none. */
  Object get(String name) {
    for (Scope scope = this; scope != null; scope = scope.outer) {
      Object value = scope.values.get(name);
      if (value != null || scope.values.containsKey(name)) {
        return value;
      }
    }
    return new Undefined("'" + name + "' is undefined");
  }
}
