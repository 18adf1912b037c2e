package io.calidrop.template;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Filters that compare or add elements, by an attribute and without regard to case. */
final class Sorting {
  private Sorting() {}

  static Object apply(Run run, String name, Object value, Arguments given) {
    switch (name) {
      case "join" -> {
        Arguments.Bound bound = given.bind(name, "d", "attribute");
        List<Object> values = keys(run, Values.iterate(run, value), bound.value(1, null), true);
        return Filters.join(run, values, Printer.string(run, bound.value(0, "")));
      }
      case "sum" -> {
        Arguments.Bound bound = given.bind(name, "attribute", "start");
        Object sum = bound.value(1, 0L);
        for (Object one : keys(run, Values.iterate(run, value), bound.value(0, null), true)) {
          sum = Operators.apply(run, "+", sum, one);
        }
        return sum;
      }
      case "dictsort" -> {
        Arguments.Bound bound = given.bind(name, "case_sensitive", "by", "reverse");
        if (!(value instanceof Map<?, ?> dict)) {
          throw Values.unsupported(value, "dictsort wants a dict, not ", "");
        }
        Object by = bound.text(1, "key").equals("key") ? 0L : 1L;
        return sorted(run, Values.pairs(run, dict), by, bound.flag(0), bound.flag(2));
      }
      case "sort" -> {
        Arguments.Bound bound = given.bind(name, "reverse", "case_sensitive", "attribute");
        List<Object> values = Values.iterate(run, value);
        return sorted(run, values, bound.value(2, null), bound.flag(1), bound.flag(0));
      }
      default -> {
        Arguments.Bound bound = given.bind(name, "case_sensitive", "attribute");
        List<Object> values = Values.iterate(run, value);
        List<Object> keys = keys(run, values, bound.value(1, null), bound.flag(0));
        return name.equals("unique")
            ? unique(run, values, keys)
            : extreme(run, values, keys, name.equals("min") ? -1 : 1);
      }
    }
  }

  /** What elements are compared by. */
  private static List<Object> keys(
      Run run, List<Object> values, Object attribute, boolean caseSensitive) {
    List<Object> keys = new ArrayList<>(values.size());
    for (Object value : values) {
      Object key = attribute == null ? value : path(run, value, attribute);
      keys.add(key instanceof String text && !caseSensitive ? run.made(Text.lower(text)) : key);
    }
    return keys;
  }

  /** An attribute by its name, its number, or a path of them with dots. */
  static Object path(Run run, Object element, Object attribute) {
    if (!(attribute instanceof String names)) {
      return Access.item(run, element, attribute);
    }
    Object value = element;
    for (String name : names.split("\\.", -1)) {
      boolean number = name.matches("[0-9]{1,9}");
      value = Access.item(run, value, number ? (Object) Long.valueOf(name) : name);
    }
    return value;
  }

  private static Object sorted(
      Run run, List<Object> values, Object attribute, boolean caseSensitive, boolean reverse) {
    List<Object> keys = keys(run, values, attribute, caseSensitive);
    List<Integer> order = new ArrayList<>(values.size());
    for (int i = 0; i < values.size(); i++) {
      order.add(i);
    }
    int sign = reverse ? -1 : 1;
    order.sort((a, b) -> sign * order(run, keys.get(a), keys.get(b)));
    List<Object> sorted = new ArrayList<>(values.size());
    order.forEach(i -> sorted.add(values.get(i)));
    return Items.list(run, sorted);
  }

  /** The order of two values that are sorted, which needs one that is total. */
  static int order(Run run, Object a, Object b) {
    int order = Values.compare(run, a, b, "<");
    if (order == Operators.NONE) {
      throw new TemplateException("nan has no order");
    }
    return order;
  }

  private static Object unique(Run run, List<Object> values, List<Object> keys) {
    Set<Object> seen = new HashSet<>();
    List<Object> unique = new ArrayList<>();
    for (int i = 0; i < values.size(); i++) {
      if (seen.add(Values.key(keys.get(i)))) {
        unique.add(values.get(i));
      }
    }
    return Items.generator(run, unique);
  }

  private static Object extreme(Run run, List<Object> values, List<Object> keys, int sign) {
    int best = 0;
    for (int i = 1; i < values.size(); i++) {
      best = sign * Values.compare(run, keys.get(i), keys.get(best), "<") > 0 ? i : best;
    }
    return values.isEmpty()
        ? new Undefined("no aggregated item, the sequence was empty")
        : values.get(best);
  }
}
