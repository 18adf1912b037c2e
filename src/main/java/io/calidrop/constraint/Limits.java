package io.calidrop.constraint;

/** How large what a stranger asks for may become: beyond it, one line says so. */
final class Limits {
  /** Schemas within a schema. */
  static final int SCHEMAS = 20_000;

  /** Levels of a schema. */
  static final int LEVELS = 64;

  /** Characters of a schema. */
  static final int CHARACTERS = 2_000_000;

  /** Rules of a grammar. */
  static final int RULES = 200_000;

  /** Ways in which alternatives go together. */
  static final int CHOICES = 10_000;

  /** Edges of an automaton over bytes. */
  static final int EDGES = 1_000_000;

  /** States of an automaton over characters. */
  static final int STATES = 20_000;

  /** Parts of a pattern, its repetitions written out. */
  static final int PATTERN = 10_000;

  /** Places in a pattern that its states remember, all together. */
  static final int PLACES = 500_000;

  /** Rules that a value may be within: about two for each level of it. */
  static final int DEPTH = 200;

  private static final int SHOWN = 60; // characters

  private Limits() {}

  /** What a message shows of something: all of it, or its beginning. */
  static String shown(Object value) {
    String text = value.toString();
    return text.length() > SHOWN ? text.substring(0, SHOWN) + "..." : text;
  }

  /** Refuses what is more than there may be. */
  static void check(long count, int most, String what) {
    if (count > most) {
      throw new IllegalArgumentException(
          "%s needs too large an automaton, more than %d parts".formatted(what, most));
    }
  }
}
