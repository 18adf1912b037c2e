package io.calidrop.template;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** Filters over many values. */
final class ListFilters {
  private ListFilters() {}

  /** Filters without arguments. */
  static Object simple(Run run, String name, Object value) {
    if (name.equals("reverse") && value instanceof String text) {
      return run.made(new StringBuilder(text).reverse().toString());
    }
    boolean backwards = name.equals("last") || name.equals("reverse");
    if (backwards && value instanceof Items items && items.isGenerator()) {
      throw new TemplateException("'generator' object is not reversible");
    }
    List<Object> values = Values.iterate(run, value);
    return switch (name) {
      case "first" ->
          values.isEmpty() ? empty("no first item, the sequence was empty") : values.getFirst();
      case "last" ->
          values.isEmpty() ? empty("no last item, the sequence was empty") : values.getLast();
      case "list" -> Items.list(run, new ArrayList<>(values));
      default -> Items.generator(run, Access.reversed(values));
    };
  }

  private static Object empty(String reason) {
    return new Undefined(reason);
  }

  /** Filters that make one value of all. */
  static Object whole(Run run, String name, Object value, Arguments arguments) {
    return switch (name) {
      case "join" -> join(run, value, arguments.bind(name, "d", "attribute"));
      case "sort" -> {
        Arguments.Bound bound = arguments.bind(name, "reverse", "case_sensitive", "attribute");
        Keys keys = new Keys(run, bound.value(2, null), null, bound.flag(1));
        yield Items.list(run, sorted(run, Values.iterate(run, value), keys, bound.flag(0)));
      }
      case "dictsort" -> dictsort(run, value, arguments);
      case "unique" -> {
        Arguments.Bound bound = arguments.bind(name, "case_sensitive", "attribute");
        Keys keys = new Keys(run, bound.value(1, null), null, bound.flag(0));
        yield unique(run, Values.iterate(run, value), keys);
      }
      case "min", "max" -> {
        Arguments.Bound bound = arguments.bind(name, "case_sensitive", "attribute");
        Keys keys = new Keys(run, bound.value(1, null), null, bound.flag(0));
        yield extreme(run, Values.iterate(run, value), keys, name.equals("min") ? -1 : 1);
      }
      default -> {
        Arguments.Bound bound = arguments.bind(name, "attribute", "start");
        Keys keys = new Keys(run, bound.value(0, null), null, true);
        Object sum = bound.value(1, 0L);
        for (Object element : Values.iterate(run, value)) {
          sum = Operators.arithmetic(run, "+", sum, keys.of(element));
        }
        yield sum;
      }
    };
  }

  /** How elements are compared: by an attribute, and without regard to case. */
  private record Keys(Run run, Object attribute, Object defaultValue, boolean caseSensitive) {
    Object of(Object element) {
      Object value = attribute == null ? element : path(run, element, attribute);
      if (defaultValue != null && value instanceof Undefined) {
        value = defaultValue;
      }
      return !caseSensitive && value instanceof String text
          ? run.made(text.toLowerCase(Locale.ROOT))
          : value;
    }
  }

  /** An attribute by its name, its number, or a path of them with dots. */
  private static Object path(Run run, Object element, Object attribute) {
    if (!(attribute instanceof String names)) {
      return Access.item(run, element, attribute);
    }
    Object value = element;
    for (String name : names.split("\\.", -1)) {
      boolean number = !name.isEmpty() && name.length() < 9;
      for (int i = 0; i < name.length(); i++) {
        number &= name.charAt(i) >= '0' && name.charAt(i) <= '9';
      }
      value = Access.item(run, value, number ? (Object) Long.valueOf(name) : name);
    }
    return value;
  }

  private static Object join(Run run, Object value, Arguments.Bound bound) {
    String separator = Printer.string(run, bound.value(0, ""));
    Keys keys = new Keys(run, bound.value(1, null), null, true);
    StringBuilder out = new StringBuilder();
    boolean first = true;
    for (Object element : Values.iterate(run, value)) {
      String text = Printer.string(run, keys.of(element));
      run.spend(text.length() + (first ? 0 : separator.length()));
      out.append(first ? "" : separator).append(text);
      first = false;
    }
    return out.toString();
  }

  /** A merge sort: what a comparison fails on stays an error of the template. */
  private static List<Object> sorted(Run run, List<Object> values, Keys keys, boolean reverse) {
    int size = values.size();
    List<Object[]> pairs = new ArrayList<>(size);
    for (Object value : values) {
      pairs.add(new Object[] {keys.of(value), value});
    }
    int sign = reverse ? -1 : 1;
    pairs.sort((a, b) -> sign * Values.compare(run, a[0], b[0], "<"));
    List<Object> sorted = new ArrayList<>(size);
    for (Object[] pair : pairs) {
      sorted.add(pair[1]);
    }
    return sorted;
  }

  private static Object dictsort(Run run, Object value, Arguments arguments) {
    Arguments.Bound bound = arguments.bind("dictsort", "case_sensitive", "by", "reverse");
    if (!(value instanceof Dict dict)) {
      throw Values.unsupported(value, "dictsort wants a dict, not ", "");
    }
    String by = bound.text(1, "key");
    if (!by.equals("key") && !by.equals("value")) {
      throw new TemplateException("you can only sort by either 'key' or 'value'");
    }
    Keys keys = new Keys(run, by.equals("key") ? 0L : 1L, null, bound.flag(0));
    return Items.list(run, sorted(run, dict.items(run), keys, bound.flag(2)));
  }

  private static Object unique(Run run, List<Object> values, Keys keys) {
    Set<Object> seen = new HashSet<>();
    List<Object> unique = new ArrayList<>();
    for (Object value : values) {
      if (seen.add(Dict.key(keys.of(value)))) {
        unique.add(value);
      }
    }
    return Items.generator(run, unique);
  }

  private static Object extreme(Run run, List<Object> values, Keys keys, int sign) {
    if (values.isEmpty()) {
      return empty("no aggregated item, the sequence was empty");
    }
    Object best = values.getFirst();
    Object bestKey = keys.of(best);
    for (Object value : values) {
      Object key = keys.of(value);
      if (value != best && sign * Values.compare(run, key, bestKey, "<") > 0) {
        best = value;
        bestKey = key;
      }
    }
    return best;
  }

  /** Filters that look at each element; what they make can be passed over once. */
  static Object each(Run run, String name, Object value, Arguments arguments) {
    List<Object> result = new ArrayList<>();
    if (value instanceof Undefined || value != null && !Values.isTrue(value)) {
      return Items.generator(run, result);
    }
    if (name.equals("map")) {
      return map(run, Values.iterate(run, value), arguments);
    }
    boolean byAttribute = name.endsWith("attr");
    boolean wanted = name.startsWith("select");
    List<Object> given = arguments.positional();
    int skipped = byAttribute ? 1 : 0;
    if (given.size() < skipped) {
      throw new TemplateException(name + " needs the name of an attribute");
    }
    String test = given.size() > skipped ? Printer.string(run, given.get(skipped)) : null;
    Arguments rest = rest(arguments, test == null ? skipped : skipped + 1);
    for (Object element : Values.iterate(run, value)) {
      Object tested = byAttribute ? path(run, element, given.getFirst()) : element;
      boolean holds = test == null ? Values.isTrue(tested) : Tests.apply(run, test, tested, rest);
      if (holds == wanted) {
        result.add(element);
      }
    }
    return Items.generator(run, result);
  }

  private static Object map(Run run, List<Object> values, Arguments arguments) {
    List<Object> result = new ArrayList<>();
    List<Object> given = arguments.positional();
    if (!given.isEmpty()) {
      String filter = Printer.string(run, given.getFirst());
      Arguments rest = rest(arguments, 1);
      for (Object element : values) {
        result.add(Filters.apply(run, filter, element, rest));
      }
      return Items.generator(run, result);
    }
    Map<String, Object> named = new LinkedHashMap<>(arguments.named());
    Arguments.Bound bound = new Arguments(given, named).bind("map", "attribute", "default");
    Keys keys = new Keys(run, bound.value(0), bound.value(1, null), true);
    for (Object element : values) {
      result.add(keys.of(element));
    }
    return Items.generator(run, result);
  }

  private static Arguments rest(Arguments arguments, int from) {
    List<Object> given = arguments.positional();
    return new Arguments(new ArrayList<>(given.subList(from, given.size())), arguments.named());
  }
}
