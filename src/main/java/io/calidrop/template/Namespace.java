package io.calidrop.template;

import java.util.HashMap;
import java.util.Map;

/** The one value that a template can change: {@code set} of an attribute, also inside of loops. */
final class Namespace {
  private final Map<String, Object> attributes = new HashMap<>();

  void set(String name, Object value) {
    attributes.put(name, value);
  }

  Object get(String name) {
    return attributes.containsKey(name)
        ? attributes.get(name)
        : new Undefined("'namespace object' has no attribute '" + name + "'");
  }
}
