package io.calidrop.template;

import java.util.List;

/** Python's lists, tuples, ranges, views and generators. None of them changes, as in a sandbox. */
final class Items {
  /** Deepest nesting of values: what walks through them needs no other bound. */
  static final int MOST_DEPTH = 100;

  private static final int COST = 8; // units of an element

  enum Kind {
    LIST("list"),
    TUPLE("tuple"),
    RANGE("range"),
    KEYS("dict_keys"),
    VALUES("dict_values"),
    ITEMS("dict_items"),
    GENERATOR("generator");

    private final String type;

    Kind(String type) {
      this.type = type;
    }

    String type() {
      return type;
    }
  }

  private final Kind kind;
  private final List<Object> values;
  private final int depth;
  private boolean consumed; // a generator's

  private Items(Kind kind, List<Object> values, int depth) {
    this.kind = kind;
    this.values = values;
    this.depth = depth;
  }

  /** Takes the list over. */
  static Items of(Run run, Kind kind, List<Object> values) {
    run.spend(1 + (long) COST * values.size());
    int depth = 0;
    for (Object value : values) {
      depth = Math.max(depth, depthOf(value));
    }
    return new Items(kind, values, checked(depth + 1));
  }

  static Items list(Run run, List<Object> values) {
    return of(run, Kind.LIST, values);
  }

  static Items tuple(Run run, List<Object> values) {
    return of(run, Kind.TUPLE, values);
  }

  static Items generator(Run run, List<Object> values) {
    return of(run, Kind.GENERATOR, values);
  }

  static int depthOf(Object value) {
    return value instanceof Items items
        ? items.depth
        : value instanceof Dict dict ? dict.depth() : 0;
  }

  static int checked(int depth) {
    if (depth > MOST_DEPTH) {
      throw new TemplateException("lists are nested too deeply");
    }
    return depth;
  }

  Kind kind() {
    return kind;
  }

  boolean isGenerator() {
    return kind == Kind.GENERATOR;
  }

  /** Whether it has elements by number. */
  boolean isSequence() {
    return kind == Kind.LIST || kind == Kind.TUPLE || kind == Kind.RANGE;
  }

  /** The elements without counting as a pass over them. */
  List<Object> values() {
    return values;
  }

  /** The elements for a pass over them: a generator has them once. */
  List<Object> iterate() {
    if (consumed) {
      return List.of();
    }
    consumed = isGenerator();
    return values;
  }
}
