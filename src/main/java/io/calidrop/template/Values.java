package io.calidrop.template;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What Python does with values of any kind. None is null; an int is a Long, a float a Double; the
 * others are String, Boolean, {@link Items}, {@link Dict}, {@link Namespace}, {@link Callable},
 * {@link Loop} and {@link Undefined}.
 *
 * <p>The way of a first rendering has no switch over types: its set-up costs each process some
 * milliseconds.
 */
final class Values {
  private Values() {}

  /** A value of the program for the template to read. */
  static Object of(Run run, Object value) {
    return of(run, value, 0);
  }

  private static Object of(Run run, Object value, int depth) {
    Items.checked(depth);
    if (value == null
        || value instanceof String
        || value instanceof Boolean
        || value instanceof Double) {
      return value;
    }
    if (value instanceof Number number) {
      return value instanceof Float ? (Object) number.doubleValue() : number.longValue();
    }
    if (value instanceof Collection<?> list) {
      List<Object> values = new ArrayList<>(list.size());
      for (Object element : list) {
        values.add(of(run, element, depth + 1));
      }
      return Items.list(run, values);
    }
    if (value instanceof Map<?, ?> map) {
      Map<Object, Object> entries = new LinkedHashMap<>();
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        entries.put(Dict.key(entry.getKey()), of(run, entry.getValue(), depth + 1));
      }
      return Dict.of(run, entries);
    }
    throw new IllegalArgumentException("no value for a template: " + value.getClass());
  }

  /** The name of its type in Python. */
  static String type(Object value) {
    return switch (value) {
      case null -> "NoneType";
      case String text -> "str";
      case Boolean flag -> "bool";
      case Long number -> "int";
      case Double number -> "float";
      case Items items -> items.kind().type();
      case Dict dict -> "dict";
      case Namespace namespace -> "namespace";
      case Loop loop -> "loop";
      case Undefined undefined -> "undefined";
      default -> "function";
    };
  }

  static boolean isTrue(Object value) {
    if (value instanceof Boolean flag) {
      return flag;
    }
    if (value instanceof String text) {
      return !text.isEmpty();
    }
    if (value instanceof Items items) {
      return items.isGenerator() || !items.values().isEmpty();
    }
    if (value instanceof Dict dict) {
      return !dict.entries().isEmpty();
    }
    if (value instanceof Number number) {
      return number.doubleValue() != 0;
    }
    return value != null && !(value instanceof Undefined);
  }

  /** The elements that a loop over it sees, or null where there can be no loop. */
  static List<Object> elements(Run run, Object value) {
    if (value instanceof Items items) {
      return items.iterate();
    }
    if (value instanceof Dict dict) {
      return dict.keys();
    }
    if (value instanceof String text) {
      return characters(run, text);
    }
    return value instanceof Undefined ? List.of() : null;
  }

  static List<Object> iterate(Run run, Object value) {
    List<Object> elements = elements(run, value);
    if (elements == null) {
      throw new TemplateException("'" + type(value) + "' object is not iterable");
    }
    run.spend(elements.size());
    return elements;
  }

  private static List<Object> characters(Run run, String text) {
    run.spend(8L * text.length());
    List<Object> characters = new ArrayList<>(text.length());
    for (int i = 0; i < text.length(); ) {
      int end = text.offsetByCodePoints(i, 1);
      characters.add(text.substring(i, end));
      i = end;
    }
    return characters;
  }

  static long length(Object value) {
    if (value instanceof String text) {
      return Text.length(text);
    }
    if (value instanceof Items items && !items.isGenerator()) {
      return items.values().size();
    }
    if (value instanceof Dict dict) {
      return dict.entries().size();
    }
    if (value instanceof Undefined) {
      return 0;
    }
    throw new TemplateException("object of type '" + type(value) + "' has no len()");
  }

  static boolean equal(Run run, Object a, Object b) {
    run.spend(1);
    if (a == b) {
      return !(a instanceof Double number) || !number.isNaN();
    }
    if (Numbers.isNumber(a) && Numbers.isNumber(b)) {
      return Numbers.compare(a, b) == 0;
    }
    if (a instanceof String x && b instanceof String y) {
      run.spend(Math.min(x.length(), y.length()) >> 4);
      return x.equals(y);
    }
    if (a instanceof Items x && b instanceof Items y) {
      return x.kind() == y.kind() && x.isSequence() && equal(run, x.values(), y.values());
    }
    if (a instanceof Dict x && b instanceof Dict y) {
      return equal(run, x.entries(), y.entries());
    }
    return a instanceof Undefined && b instanceof Undefined;
  }

  private static boolean equal(Run run, List<Object> a, List<Object> b) {
    if (a.size() != b.size()) {
      return false;
    }
    Iterator<Object> others = b.iterator();
    for (Object value : a) {
      if (!equal(run, value, others.next())) {
        return false;
      }
    }
    return true;
  }

  private static boolean equal(Run run, Map<Object, Object> a, Map<Object, Object> b) {
    if (a.size() != b.size()) {
      return false;
    }
    for (Map.Entry<Object, Object> entry : a.entrySet()) {
      if (!b.containsKey(entry.getKey()) || !equal(run, entry.getValue(), b.get(entry.getKey()))) {
        return false;
      }
    }
    return true;
  }

  /** The order of two values that have one. */
  static int compare(Run run, Object a, Object b, String operator) {
    run.spend(1);
    if (Numbers.isNumber(a) && Numbers.isNumber(b)) {
      return Numbers.compare(a, b);
    }
    if (a instanceof String x && b instanceof String y) {
      run.spend(Math.min(x.length(), y.length()) >> 4);
      return Text.compare(x, y);
    }
    if (a instanceof Items x && b instanceof Items y && x.kind() == y.kind() && x.isSequence()) {
      int shared = Math.min(x.values().size(), y.values().size());
      for (int i = 0; i < shared; i++) {
        if (!equal(run, x.values().get(i), y.values().get(i))) {
          return compare(run, x.values().get(i), y.values().get(i), operator);
        }
      }
      return Integer.compare(x.values().size(), y.values().size());
    }
    throw unsupported(a, b, "'" + operator + "' not supported between instances of ");
  }

  /** The error of an operation that two values do not have. */
  static TemplateException unsupported(Object a, Object b, String start) {
    return b instanceof Undefined undefined
        ? undefined.error()
        : unsupported(a, start, " and '" + type(b) + "'");
  }

  /** The error of an operation that a value does not have. */
  static TemplateException unsupported(Object value, String start, String end) {
    return value instanceof Undefined undefined
        ? undefined.error()
        : new TemplateException(start + "'" + type(value) + "'" + end);
  }

  static boolean contains(Run run, Object container, Object value) {
    if (container instanceof String text) {
      if (value instanceof String part) {
        run.search(text, part);
        return text.contains(part);
      }
      throw unsupported(value, "a str can only hold a str, not ", "");
    }
    if (container instanceof Dict dict) {
      return dict.get(value, dict) != dict; // it cannot hold itself
    }
    List<Object> elements = elements(run, container);
    if (elements == null) {
      throw new TemplateException("argument of type '" + type(container) + "' is not iterable");
    }
    for (Object element : elements) {
      if (equal(run, element, value)) {
        return true;
      }
    }
    return false;
  }
}
