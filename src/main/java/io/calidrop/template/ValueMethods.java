package io.calidrop.template;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Methods of Python's dictionaries, lists and tuples that change nothing. */
final class ValueMethods {
  static final Set<String> OF_DICTS = Set.of("copy", "get", "items", "keys", "values");
  static final Set<String> OF_LISTS = Set.of("copy", "count", "index");

  private ValueMethods() {}

  static Object call(Run run, Object object, String name, Arguments arguments) {
    return object instanceof Dict dict
        ? dict(run, dict, name, arguments)
        : list(run, (Items) object, name, arguments);
  }

  private static Object dict(Run run, Dict dict, String name, Arguments arguments) {
    if (name.equals("get")) {
      Arguments.Bound bound = arguments.bind("get", "key", "default");
      return dict.get(bound.value(0), bound.value(1, null));
    }
    arguments.bind(name);
    return switch (name) {
      case "items" -> Items.of(run, Items.Kind.ITEMS, dict.items(run));
      case "keys" -> Items.of(run, Items.Kind.KEYS, dict.keys());
      case "values" -> Items.of(run, Items.Kind.VALUES, new ArrayList<>(dict.entries().values()));
      default -> dict; // copy: it does not change
    };
  }

  private static Object list(Run run, Items items, String name, Arguments arguments) {
    if (name.equals("copy")) {
      return items;
    }
    Object wanted = arguments.bind(name, "value").value(0);
    List<Object> values = items.values();
    long count = 0;
    for (int i = 0; i < values.size(); i++) {
      if (Values.equal(run, values.get(i), wanted)) {
        if (name.equals("index")) {
          return (long) i;
        }
        count++;
      }
    }
    if (name.equals("index")) {
      throw new TemplateException("the value is not in the list");
    }
    return count;
  }
}
