package io.calidrop.constraint;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/**
 * How characters are spelled within a string of JSON: each in one way. Quotes, backslashes and
 * control characters by their shortest escape, all others as they are, in UTF-8.
 */
final class Spelling {
  private static final String ESCAPED = "\"\\\b\f\n\r\t";
  private static final String LETTERS = "\"\\bfnrt";
  private static final String HEX = "0123456789abcdef";

  private final Dfa.Builder out;
  private final Map<Long, Integer> shared = new HashMap<>(); // by target and bytes to come
  private int[] ranges; // of the state at hand: first, last, target, in order

  Spelling(Dfa.Builder out) {
    this.out = out;
  }

  /** A text as a string of JSON. */
  static byte[] of(String text) {
    StringBuilder spelled = new StringBuilder("\"");
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      int escape = ESCAPED.indexOf(c);
      if (escape >= 0) {
        spelled.append('\\').append(LETTERS.charAt(escape));
      } else if (c < ' ') {
        spelled.append("\\u00").append(HEX.charAt(c >> 4)).append(HEX.charAt(c & 15));
      } else {
        spelled.append(c);
      }
    }
    return spelled.append('"').toString().getBytes(StandardCharsets.UTF_8);
  }

  /**
   * Adds what characters lead from a state to others.
   *
   * @param ranges first, last and target of each, in order of the characters
   */
  void add(int from, int[] ranges) {
    this.ranges = ranges;
    for (int i = 0; i < ranges.length; i += 3) {
      ascii(from, ranges[i], Math.min(ranges[i + 1], 0x7f), ranges[i + 2]);
    }
    escapes(from);
    leads(from, 0xc2, 0xdf, 1, 0x80);
    leads(from, 0xe0, 0xef, 2, 0x800);
    leads(from, 0xf0, 0xf4, 3, 0x10000);
  }

  private void ascii(int from, int first, int last, int to) {
    int low = Math.max(first, ' ');
    for (int c = low; c <= last + 1; c++) {
      if (c > last || c == '"' || c == '\\') {
        if (c > low) {
          out.edge(from, low, c - 1, to);
        }
        low = c + 1;
      }
    }
  }

  private void escapes(int from) {
    int escape = -1;
    int[] digits = {-1, -1}; // after the third 0, and after a 1 in its place
    for (int c = 0; c <= '\\'; c = c == 0x1f ? '"' : c == '"' ? '\\' : c + 1) {
      int to = target(c);
      if (to < 0) {
        continue;
      }
      if (escape < 0) {
        escape = out.state();
        out.edge(from, '\\', '\\', escape);
      }
      int simple = ESCAPED.indexOf(c);
      if (simple >= 0) {
        out.edge(escape, LETTERS.charAt(simple), LETTERS.charAt(simple), to);
      } else {
        if (digits[0] < 0) {
          hexadecimal(escape, digits);
        }
        out.edge(digits[c >> 4], HEX.charAt(c & 15), HEX.charAt(c & 15), to);
      }
    }
  }

  private void hexadecimal(int escape, int[] digits) {
    int at = escape;
    for (char c : "u00".toCharArray()) {
      int next = out.state();
      out.edge(at, c, c, next);
      at = next;
    }
    for (int i = 0; i < 2; i++) {
      digits[i] = out.state();
      out.edge(at, '0' + i, '0' + i, digits[i]);
    }
  }

  /** The first bytes of longer characters; those that lead to the same state become one edge. */
  private void leads(int from, int first, int last, int more, int least) {
    int start = first;
    int to = -1;
    for (int lead = first; lead <= last + 1; lead++) {
      int base = (lead & (0x3f >> more)) << 6 * more;
      int next = lead > last ? -1 : after(base, more, least);
      if (lead > last || next != to) {
        if (to >= 0) {
          out.edge(from, start, lead - 1, to);
        }
        start = lead;
        to = next;
      }
    }
  }

  /**
   * The state for the characters of {@code [base, base + 64^more)} whose first bytes have been
   * read, or -1 where none of them leads anywhere.
   */
  private int after(int base, int more, int least) {
    int end = base + (1 << 6 * more) - 1;
    int range = range(base);
    boolean valid = base >= least && end <= Character.MAX_CODE_POINT && !hasSurrogates(base, end);
    if (range < ranges.length && ranges[range] <= base && ranges[range + 1] >= end && valid) {
      return uniform(ranges[range + 2], more);
    }
    if (range == ranges.length || ranges[range] > end) {
      return -1;
    }
    if (more == 0) {
      return -1; // no character
    }
    int state = -1;
    int start = 0;
    int to = -1;
    for (int i = 0; i <= 64; i++) {
      int next = i == 64 ? -1 : after(base + (i << 6 * (more - 1)), more - 1, least);
      if (i == 64 || next != to) {
        if (to >= 0) {
          state = state < 0 ? out.state() : state;
          out.edge(state, 0x80 + start, 0x80 + i - 1, to);
        }
        start = i;
        to = next;
      }
    }
    return state;
  }

  private int uniform(int target, int more) {
    if (more == 0) {
      return target;
    }
    long key = (long) target << 2 | more;
    Integer known = shared.get(key);
    if (known == null) {
      known = out.state();
      shared.put(key, known);
      out.edge(known, 0x80, 0xbf, uniform(target, more - 1));
    }
    return known;
  }

  private static boolean hasSurrogates(int first, int last) {
    return first <= Character.MAX_SURROGATE && last >= Character.MIN_SURROGATE;
  }

  private int target(int character) {
    int range = range(character);
    return range < ranges.length && ranges[range] <= character ? ranges[range + 2] : -1;
  }

  /** The first range that does not end before a character. */
  private int range(int character) {
    int low = 0;
    int high = ranges.length / 3;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (ranges[3 * middle + 1] < character) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return 3 * low;
  }
}
