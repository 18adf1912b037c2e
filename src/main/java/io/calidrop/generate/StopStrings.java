package io.calidrop.generate;

import java.util.List;

/**
 * Watches a stream of text for stop strings and holds back what may be the beginning of one, so
 * that nothing of a stop string ever reaches the reader.
 */
final class StopStrings {
  private final List<String> stops;
  private final StringBuilder held = new StringBuilder();
  private boolean found;

  StopStrings(List<String> stops) {
    this.stops = stops;
  }

  /** Whether a stop string has appeared; there is no text beyond it. */
  boolean found() {
    return found;
  }

  /** The text that {@code piece} makes certain. */
  String append(String piece) {
    if (found) {
      return "";
    }
    held.append(piece);
    int first = held.length();
    for (String stop : stops) {
      int at = held.indexOf(stop);
      if (at >= 0 && at < first) {
        first = at;
        found = true;
      }
    }
    return release(found ? first : held.length() - possibleStart());
  }

  /** What is still held back, when no more text comes. */
  String flush() {
    return found ? "" : release(held.length());
  }

  private String release(int length) {
    String text = held.substring(0, length);
    held.delete(0, length);
    return text;
  }

  /** Length of the longest end of the held text that begins a stop string. */
  private int possibleStart() {
    int longest = 0;
    for (String stop : stops) {
      int length = Math.min(stop.length() - 1, held.length());
      while (length > longest && !endsWith(stop, length)) {
        length--;
      }
      longest = Math.max(longest, length);
    }
    return longest;
  }

  private boolean endsWith(String stop, int length) {
    int from = held.length() - length;
    for (int i = 0; i < length; i++) {
      if (held.charAt(from + i) != stop.charAt(i)) {
        return false;
      }
    }
    return true;
  }
}
