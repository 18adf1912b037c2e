package io.calidrop.template;

import java.util.HashMap;
import java.util.Map;

/** The one value that a template can change: {@code set} of an attribute, also inside of loops. */
record Namespace(Map<String, Object> attributes) {
  Namespace() {
    this(new HashMap<>());
  }
}
