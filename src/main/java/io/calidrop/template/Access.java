package io.calidrop.template;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What {@code a.b}, {@code a[b]} and {@code a[b:c:d]} are. */
final class Access {
  private static final int SHOWN = 80; // most characters of a key in a message

  private Access() {}

  static Object attribute(Object object, String name) {
    if (object instanceof Loop loop) {
      return loop.get(name);
    }
    if (object instanceof Undefined) {
      throw Values.unsupported(object, "", "");
    }
    if (Methods.has(object, name)) {
      return (Callable) (run, arguments) -> Methods.call(run, object, name, arguments);
    }
    Map<?, ?> attributes =
        object instanceof Namespace namespace
            ? namespace.attributes()
            : object instanceof Map<?, ?> dict ? dict : Map.of();
    Object value = Values.get(attributes, name, attributes); // it cannot hold itself
    return value != attributes
        ? value
        : new Undefined("'" + Values.type(object) + " object' has no attribute '" + name + "'");
  }

  static Object item(Run run, Object object, Object key) {
    if (object instanceof Undefined) {
      throw Values.unsupported(object, "", "");
    }
    if (object instanceof Map<?, ?> dict && !(key instanceof Items)) {
      Object value = Values.get(dict, key, dict);
      if (value != dict) {
        return value;
      }
    }
    if (key instanceof String name) {
      return attribute(object, name);
    }
    if (Operators.isWhole(key) && isSequence(object)) {
      long length = Values.length(object);
      long index = Operators.whole(key);
      index += index < 0 ? length : 0;
      if (index >= 0 && index < length) {
        return object instanceof Items items
            ? items.values().get((int) index)
            : slice(run, object, index, index + 1, null);
      }
    }
    String shown = Printer.representation(run, key);
    return new Undefined(
        Values.type(object)
            + " object has no element "
            + (shown.length() > SHOWN ? shown.substring(0, SHOWN) + "..." : shown));
  }

  /** Whether it has elements by number. */
  private static boolean isSequence(Object object) {
    return object instanceof String || object instanceof Items items && items.isSequence();
  }

  /** A part; bounds that are not given are null. */
  static Object slice(Run run, Object object, Object start, Object stop, Object step) {
    if (!isSequence(object)) {
      throw Values.unsupported(object, "", " object has no slices");
    }
    long by = step == null ? 1 : Operators.whole(step);
    if (by == 0) {
      throw new TemplateException("slice step cannot be zero");
    }
    long length = Values.length(object);
    long from = bound(start, by > 0 ? 0 : length - 1, length, by);
    long to = bound(stop, by > 0 ? length : -1, length, by);
    if (by == 1 && object instanceof String text) {
      int first = text.offsetByCodePoints(0, (int) from);
      int end = text.offsetByCodePoints(first, (int) Math.max(0, to - from));
      run.spend(text.length() >> 4);
      return run.made(text.substring(first, end));
    }
    List<Object> values =
        object instanceof Items items ? items.values() : Values.iterate(run, object);
    List<Object> part = new ArrayList<>();
    for (long i = from; by > 0 ? i < to : i > to; i += by) {
      part.add(values.get((int) i));
    }
    return object instanceof Items items
        ? Items.of(run, items.kind(), part)
        : Filters.join(run, part, "");
  }

  private static long bound(Object given, long absent, long length, long by) {
    if (given == null) {
      return absent;
    }
    long index = Operators.whole(given);
    index += index < 0 ? length : 0;
    return by > 0 ? Math.clamp(index, 0, length) : Math.clamp(index, -1, length - 1);
  }
}
