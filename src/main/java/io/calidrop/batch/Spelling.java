package io.calidrop.batch;

import java.util.Collection;

/** Finds the name that somebody meant. */
final class Spelling {
  private static final int MOST = 64; // characters of a name that is compared

  private Spelling() {}

  /** The error that a name is which there is not; it names the nearest there is. */
  static IllegalArgumentException unknown(String what, String name, Collection<String> known) {
    String nearest = null;
    int least = 1 + Math.min(3, name.length() / 2); // further than that it is no slip
    for (String candidate : known) {
      int distance = name.length() > MOST ? least : distance(name, candidate);
      if (distance < least) {
        least = distance;
        nearest = candidate;
      }
    }
    String meant = nearest == null ? "" : "; is it \"%s\"?".formatted(nearest);
    return new IllegalArgumentException(
        "unknown %s %s%s".formatted(what, Values.shown(name), meant));
  }

  /** Letters to insert, delete or replace (Levenshtein's distance). */
  private static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[b.length()];
  }
}
