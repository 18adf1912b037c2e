package io.calidrop.template;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Python's dictionary. It does not change once it is made. */
final class Dict {
  private static final int COST = 16; // units of an entry

  private final Map<Object, Object> entries;
  private final int depth;

  private Dict(Map<Object, Object> entries, int depth) {
    this.entries = entries;
    this.depth = depth;
  }

  /** Takes the map over. */
  static Dict of(Run run, Map<Object, Object> entries) {
    run.spend(1 + (long) COST * entries.size());
    int depth = 0;
    for (Object value : entries.values()) {
      depth = Math.max(depth, Items.depthOf(value));
    }
    return new Dict(entries, Items.checked(depth + 1));
  }

  /**
   * A value as a key.
   *
   * @throws TemplateException if it is none
   */
  static Object key(Object value) {
    if (value instanceof Undefined undefined) {
      throw undefined.error();
    }
    if (value == null || value instanceof String || value instanceof Boolean) {
      return value;
    }
    if (value instanceof Number number) {
      return number.doubleValue() == number.longValue() ? (Object) number.longValue() : number;
    }
    throw new TemplateException("a " + Values.type(value) + " is no key of a dict");
  }

  int depth() {
    return depth;
  }

  Map<Object, Object> entries() {
    return entries;
  }

  /** The value of a key, or the default where it has none. */
  Object get(Object key, Object defaultValue) {
    if (key instanceof Undefined) {
      return defaultValue;
    }
    Object known = key(key);
    Object value = entries.get(known);
    return value != null || entries.containsKey(known) ? value : defaultValue;
  }

  List<Object> keys() {
    return new ArrayList<>(entries.keySet());
  }

  /** Pairs of keys and values. */
  List<Object> items(Run run) {
    List<Object> pairs = new ArrayList<>();
    for (Map.Entry<Object, Object> entry : entries.entrySet()) {
      List<Object> pair = new ArrayList<>(2);
      pair.add(entry.getKey());
      pair.add(entry.getValue());
      pairs.add(Items.tuple(run, pair));
    }
    return pairs;
  }

  /** The entries of both, those of the second where they share a key. */
  static Dict merged(Run run, Dict first, Dict second) {
    Map<Object, Object> entries = new LinkedHashMap<>(first.entries);
    entries.putAll(second.entries);
    return of(run, entries);
  }
}
