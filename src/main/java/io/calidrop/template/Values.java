package io.calidrop.template;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What Python does with values of any kind. None is null; an int is a Long, a float a Double, a
 * dict a Map in its order; the others are String, Boolean, {@link Items}, {@link Namespace}, {@link
 * Callable}, {@link Loop} and {@link Undefined}. None is changed once it is made, but a namespace.
 *
 * <p>The way of a first rendering has no switch over types: its set-up costs each process some
 * milliseconds.
 */
final class Values {
  private static final int COST = 16; // units of an entry

  private Values() {}

  /** A value of the program for the template to read, which allows it to do more. */
  static Object of(Run run, Object value) {
    run.grant(1);
    if (value instanceof String text) {
      run.grant(text.length());
      return text;
    }
    if (value == null || value instanceof Boolean || value instanceof Double) {
      return value;
    }
    if (value instanceof Number number) {
      return value instanceof Float ? (Object) number.doubleValue() : number.longValue();
    }
    run.enter();
    Object result;
    if (value instanceof Collection<?> list) {
      List<Object> values = new ArrayList<>(list.size());
      for (Object element : list) {
        values.add(of(run, element));
      }
      result = Items.list(run, values);
    } else if (value instanceof Map<?, ?> map) {
      Map<Object, Object> entries = new LinkedHashMap<>();
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        entries.put(key(of(run, entry.getKey())), of(run, entry.getValue()));
      }
      result = dict(run, entries);
    } else {
      throw new IllegalArgumentException("no value for a template: " + value.getClass());
    }
    run.leave();
    return result;
  }

  /** Accounts for a dict that was made. */
  static Map<Object, Object> dict(Run run, Map<Object, Object> entries) {
    run.spend(1 + (long) COST * entries.size());
    return entries;
  }

  /**
   * A value as a key of a dict.
   *
   * @throws TemplateException if it is none
   */
  static Object key(Object value) {
    if (value == null || value instanceof String || value instanceof Boolean) {
      return value;
    }
    if (value instanceof Number number) {
      return number.doubleValue() == number.longValue() ? (Object) number.longValue() : number;
    }
    throw unsupported(value, "no key of a dict: ", "");
  }

  /** The value of a key of a dict, or another where it has none. */
  static Object get(Map<?, ?> dict, Object key, Object absent) {
    if (key instanceof Undefined) {
      return absent;
    }
    Object known = key(key);
    Object value = dict.get(known);
    return value != null || dict.containsKey(known) ? value : absent;
  }

  /** A dict's pairs of keys and values. */
  static List<Object> pairs(Run run, Map<?, ?> dict) {
    List<Object> pairs = new ArrayList<>(dict.size());
    for (Map.Entry<?, ?> entry : dict.entrySet()) {
      List<Object> pair = new ArrayList<>(2);
      pair.add(entry.getKey());
      pair.add(entry.getValue());
      pairs.add(Items.of(run, Items.Kind.TUPLE, pair));
    }
    return pairs;
  }

  /** The name of its type in Python. */
  static String type(Object value) {
    return switch (value) {
      case null -> "NoneType";
      case String text -> "str";
      case Boolean flag -> "bool";
      case Long number -> "int";
      case Double number -> "float";
      case Items items -> items.kind().type;
      case Map<?, ?> dict -> "dict";
      case Namespace namespace -> "namespace";
      case Loop loop -> "loop";
      case Undefined undefined -> "undefined";
      default -> "function";
    };
  }

  /** The error of an operation that a value does not have. */
  static TemplateException unsupported(Object value, String start, String end) {
    return new TemplateException(
        value instanceof Undefined undefined
            ? undefined.reason()
            : start + "'" + type(value) + "'" + end);
  }

  /** The error of an operation that two values do not have. */
  static TemplateException unsupported(Object a, Object b, String start) {
    return a instanceof Undefined
        ? unsupported(a, "", "")
        : unsupported(b, start + "'" + type(a) + "' and ", "");
  }

  static boolean isTrue(Object value) {
    if (value instanceof Boolean flag) {
      return flag;
    }
    if (value instanceof String text) {
      return !text.isEmpty();
    }
    if (value instanceof Items items) {
      return items.kind() == Items.Kind.GENERATOR || !items.values().isEmpty();
    }
    if (value instanceof Map<?, ?> dict) {
      return !dict.isEmpty();
    }
    if (value instanceof Number number) {
      return number.doubleValue() != 0;
    }
    return value != null && !(value instanceof Undefined);
  }

  /** The elements that a loop over it sees. */
  static List<Object> iterate(Run run, Object value) {
    List<Object> elements;
    if (value instanceof Items items) {
      elements = items.iterate();
    } else if (value instanceof Map<?, ?> dict) {
      elements = new ArrayList<>(dict.keySet());
    } else if (value instanceof String text) {
      run.spend(8L * text.length());
      elements = new ArrayList<>(text.length());
      text.codePoints().forEach(c -> elements.add(Character.toString(c)));
    } else if (value instanceof Undefined) {
      elements = List.of();
    } else {
      throw unsupported(value, "", " object is not iterable");
    }
    run.spend(elements.size());
    return elements;
  }

  static long length(Object value) {
    if (value instanceof String text) {
      return text.codePointCount(0, text.length());
    }
    if (value instanceof Items items && items.kind() != Items.Kind.GENERATOR) {
      return items.values().size();
    }
    if (value instanceof Map<?, ?> dict) {
      return dict.size();
    }
    if (value instanceof Undefined) {
      return 0;
    }
    throw unsupported(value, "object of type ", " has no len()");
  }

  static boolean equal(Run run, Object a, Object b) {
    if (Operators.isNumber(a) && Operators.isNumber(b)) {
      return Operators.order(a, b) == 0;
    }
    if (a instanceof String x && b instanceof String y) {
      run.spend(Math.min(x.length(), y.length()) >> 4);
      return x.equals(y);
    }
    run.enter();
    boolean equal = a == b || a instanceof Undefined && b instanceof Undefined;
    if (a instanceof Items x && b instanceof Items y) {
      equal |= x.kind() == y.kind() && x.isSequence() && equal(run, x.values(), y.values());
    } else if (a instanceof Map<?, ?> x && b instanceof Map<?, ?> y) {
      equal |= x.size() == y.size() && holds(run, x, y);
    }
    run.leave();
    return equal;
  }

  private static boolean equal(Run run, List<Object> a, List<Object> b) {
    boolean equal = a.size() == b.size();
    for (int i = 0; equal && i < a.size(); i++) {
      equal = equal(run, a.get(i), b.get(i));
    }
    return equal;
  }

  private static boolean holds(Run run, Map<?, ?> all, Map<?, ?> part) {
    for (Map.Entry<?, ?> entry : part.entrySet()) {
      Object other = get(all, entry.getKey(), all); // it cannot hold itself
      if (other == all || !equal(run, entry.getValue(), other)) {
        return false;
      }
    }
    return true;
  }

  /** The order of two values that can be compared, or {@link Operators#NONE}. */
  static int compare(Run run, Object a, Object b, String operator) {
    run.enter();
    int order;
    if (Operators.isNumber(a) && Operators.isNumber(b)) {
      order = Operators.order(a, b);
    } else if (a instanceof String x && b instanceof String y) {
      run.spend(Math.min(x.length(), y.length()) >> 4);
      order = x.compareTo(y);
    } else if (a instanceof Items x
        && b instanceof Items y
        && x.isSequence()
        && x.kind() == y.kind()) {
      order = Integer.compare(x.values().size(), y.values().size());
      for (int i = 0; i < Math.min(x.values().size(), y.values().size()); i++) {
        if (!equal(run, x.values().get(i), y.values().get(i))) {
          order = compare(run, x.values().get(i), y.values().get(i), operator);
          break;
        }
      }
    } else {
      throw unsupported(a, b, "'" + operator + "' not supported between instances of ");
    }
    run.leave();
    return order;
  }

  static boolean contains(Run run, Object container, Object value) {
    if (container instanceof String text) {
      if (value instanceof String part) {
        run.search(text, part);
        return text.contains(part);
      }
      throw unsupported(value, "a str can only hold a str, not ", "");
    }
    if (container instanceof Map<?, ?> dict) {
      return get(dict, value, dict) != dict;
    }
    for (Object element : iterate(run, container)) {
      if (equal(run, element, value)) {
        return true;
      }
    }
    return false;
  }
}
