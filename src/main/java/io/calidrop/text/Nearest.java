package io.calidrop.text;

import java.util.Collection;
import java.util.Optional;

/** Finds the name that somebody meant. */
public final class Nearest {
  private static final int MOST = 64; // characters of a name that is compared

  private Nearest() {}

  /** The known name that another may be a slip of. */
  public static Optional<String> of(String name, Collection<String> known) {
    String nearest = null;
    int least = 1 + Math.min(3, name.length() / 2); // further than that it is no slip
    for (String candidate : known) {
      int distance = name.length() > MOST ? least : distance(name, candidate);
      if (distance < least) {
        least = distance;
        nearest = candidate;
      }
    }
    return Optional.ofNullable(nearest);
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
