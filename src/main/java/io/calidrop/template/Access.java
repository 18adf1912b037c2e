package io.calidrop.template;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;

/** What {@code a.b}, {@code a[b]} and {@code a[b:c:d]} are. */
final class Access {
  /** Methods that would change a value, which a sandbox does not allow. */
  private static final Set<String> CHANGING =
      Set.of(
          "append",
          "clear",
          "extend",
          "insert",
          "pop",
          "popitem",
          "remove",
          "reverse",
          "setdefault",
          "sort",
          "update");

  private Access() {}

  static Object attribute(Run run, Object object, String name) {
    if (object instanceof Namespace namespace) {
      return namespace.get(name);
    }
    if (object instanceof Loop loop) {
      return loop.get(run, name);
    }
    if (object instanceof Undefined undefined) {
      throw undefined.error();
    }
    Object method = method(object, name);
    if (method != null) {
      return method;
    }
    Object missing =
        new Undefined("'" + Values.type(object) + " object' has no attribute '" + name + "'");
    return object instanceof Dict dict ? dict.get(name, missing) : missing;
  }

  /** A method of a value, or null. */
  private static Object method(Object object, String name) {
    boolean known =
        object instanceof String && StringMethods.NAMES.contains(name)
            || object instanceof Dict && ValueMethods.OF_DICTS.contains(name)
            || object instanceof Items items
                && items.isSequence()
                && ValueMethods.OF_LISTS.contains(name);
    if (known) {
      return new Method(object, name);
    }
    if ((object instanceof Dict || object instanceof Items) && CHANGING.contains(name)) {
      return new Undefined(
          "access to attribute '" + name + "' of '" + Values.type(object) + "' object is unsafe");
    }
    return null;
  }

  private record Method(Object object, String name) implements Callable {
    @Override
    public Object call(Run run, Arguments arguments) {
      return object instanceof String text
          ? new StringMethods(run, text).call(name, arguments)
          : ValueMethods.call(run, object, name, arguments);
    }
  }

  static Object item(Run run, Object object, Object key) {
    if (object instanceof Undefined undefined) {
      throw undefined.error();
    }
    if (object instanceof Dict dict && !(key instanceof Items)) {
      Object missing = new Undefined("'dict object' has no attribute " + shown(run, key));
      Object value = dict.get(key, missing);
      if (value != missing || !(key instanceof String)) {
        return value;
      }
    }
    if (key instanceof String name) {
      return attribute(run, object, name);
    }
    boolean number = key instanceof Long || key instanceof Boolean;
    if (number && (object instanceof String || isSequence(object))) {
      long length = Values.length(object);
      long index = Numbers.whole(key);
      index += index < 0 ? length : 0;
      if (index >= 0 && index < length) {
        return object instanceof String text
            ? at(run, text, (int) index)
            : ((Items) object).values().get((int) index);
      }
    }
    return new Undefined(Values.type(object) + " object has no element " + shown(run, key));
  }

  private static Object at(Run run, String text, int index) {
    run.spend(1 + (text.length() >> 4));
    return Text.at(text, index);
  }

  private static String shown(Run run, Object key) {
    String text = Printer.representation(run, key);
    return text.length() > 80 ? text.substring(0, 80) + "..." : text;
  }

  private static boolean isSequence(Object object) {
    return object instanceof Items items && items.isSequence();
  }

  static Object slice(Run run, Object object, Object start, Object stop, Object step) {
    if (object instanceof Undefined undefined) {
      throw undefined.error();
    }
    boolean whole = isIndex(start) && isIndex(stop) && isIndex(step);
    if (!(object instanceof String) && !isSequence(object)) {
      throw new TemplateException("'" + Values.type(object) + "' object has no slices");
    }
    if (!whole) {
      throw new TemplateException("slice indices must be integers or None");
    }
    long by = step == null ? 1 : Numbers.whole(step);
    if (by == 0) {
      throw new TemplateException("slice step cannot be zero");
    }
    long length = Values.length(object);
    long from = bound(start, by > 0 ? 0 : length - 1, length, by);
    long to = bound(stop, by > 0 ? length : -1, length, by);
    if (object instanceof String text) {
      return run.made(slice(run, text, from, to, by));
    }
    List<Object> values = ((Items) object).values();
    List<Object> part = new ArrayList<>();
    for (long i = from; by > 0 ? i < to : i > to; i += by) {
      part.add(values.get((int) i));
    }
    return Items.of(run, ((Items) object).kind(), part);
  }

  private static String slice(Run run, String text, long from, long to, long by) {
    run.spend(1 + (text.length() >> 4));
    if (by == 1) {
      return Text.slice(text, (int) from, (int) to);
    }
    boolean plain = Text.isPlain(text);
    StringBuilder part = new StringBuilder();
    int[] characters = plain ? null : text.codePoints().toArray();
    for (long i = from; by > 0 ? i < to : i > to; i += by) {
      part.appendCodePoint(plain ? text.charAt((int) i) : characters[(int) i]);
    }
    return part.toString();
  }

  private static boolean isIndex(Object value) {
    return value == null || value instanceof Long || value instanceof Boolean;
  }

  private static long bound(Object given, long absent, long length, long by) {
    if (given == null) {
      return absent;
    }
    long index = Numbers.whole(given);
    index += index < 0 ? length : 0;
    return by > 0 ? Math.clamp(index, 0, length) : Math.clamp(index, -1, length - 1);
  }

  /** The elements in the opposite order. */
  static List<Object> reversed(List<Object> values) {
    List<Object> reversed = new ArrayList<>(values);
    Collections.reverse(reversed);
    return reversed;
  }
}
