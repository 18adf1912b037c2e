package io.calidrop.template;

import java.util.List;

/** Python's lists, tuples, views and generators. None of them changes, as in a sandbox. */
final class Items {
  private static final int COST = 8; // units of an element

  enum Kind {
    LIST("list", "[", "]"),
    TUPLE("tuple", "(", ")"),
    KEYS("dict_keys", "dict_keys([", "])"),
    VALUES("dict_values", "dict_values([", "])"),
    ITEMS("dict_items", "dict_items([", "])"),
    GENERATOR("generator", "<generator ", ">");

    final String type;
    final String open;
    final String close;

    Kind(String type, String open, String close) {
      this.type = type;
      this.open = open;
      this.close = close;
    }
  }

  private final Kind kind;
  private final List<Object> values;
  private boolean consumed; // a generator's

  private Items(Kind kind, List<Object> values) {
    this.kind = kind;
    this.values = values;
  }

  /** Takes the list over. */
  static Items of(Run run, Kind kind, List<Object> values) {
    run.spend(1 + (long) COST * values.size());
    return new Items(kind, values);
  }

  static Items list(Run run, List<Object> values) {
    return of(run, Kind.LIST, values);
  }

  static Items generator(Run run, List<Object> values) {
    return of(run, Kind.GENERATOR, values);
  }

  Kind kind() {
    return kind;
  }

  /** Whether it has elements by number. */
  boolean isSequence() {
    return kind == Kind.LIST || kind == Kind.TUPLE;
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
    consumed = kind == Kind.GENERATOR;
    return values;
  }
}
