package io.calidrop.constraint;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A regular language over characters (code points), read from state 0.
 *
 * @param ranges of each state: first, last and target of each, in order of the characters
 * @param accepting of each state
 */
record CharacterDfa(int[][] ranges, boolean[] accepting) {
  private static final int[] NONE = {};

  /** Every text. */
  static final CharacterDfa ANY =
      new CharacterDfa(new int[][] {{0, Character.MAX_CODE_POINT, 0}}, new boolean[] {true});

  /** Texts of some number of characters. */
  static CharacterDfa lengths(int least, int most) {
    boolean open = most == AnyString.UNLIMITED;
    int last = open ? least : most;
    Limits.check(last, Limits.STATES, "a length with a pattern or format");
    int[][] ranges = new int[last + 1][];
    boolean[] accepting = new boolean[last + 1];
    for (int i = 0; i <= last; i++) {
      int next = i < last ? i + 1 : i;
      ranges[i] = i < last || open ? new int[] {0, Character.MAX_CODE_POINT, next} : NONE;
      accepting[i] = i >= least;
    }
    return new CharacterDfa(ranges, accepting);
  }

  /** Some texts. */
  static CharacterDfa texts(Collection<String> texts) {
    List<TreeMap<Integer, Integer>> nodes = new ArrayList<>(List.of(new TreeMap<>()));
    List<Integer> ends = new ArrayList<>();
    for (String text : texts) {
      int at = 0;
      for (int c : text.codePoints().toArray()) {
        Integer next = nodes.get(at).get(c);
        if (next == null) {
          next = nodes.size();
          nodes.get(at).put(c, next);
          nodes.add(new TreeMap<>());
        }
        at = next;
      }
      ends.add(at);
    }
    int[][] ranges = new int[nodes.size()][];
    boolean[] accepting = new boolean[nodes.size()];
    for (int i = 0; i < ranges.length; i++) {
      ranges[i] =
          nodes.get(i).entrySet().stream()
              .flatMap(e -> List.of(e.getKey(), e.getKey(), e.getValue()).stream())
              .mapToInt(Integer::intValue)
              .toArray();
    }
    ends.forEach(end -> accepting[end] = true);
    return new CharacterDfa(ranges, accepting);
  }

  /** The texts of both. */
  CharacterDfa and(CharacterDfa other) {
    return new Product(this, other, false).build();
  }

  /** The texts of this that are none of the other. */
  CharacterDfa without(CharacterDfa other) {
    return new Product(this, other, true).build();
  }

  boolean matches(String text) {
    int state = 0;
    for (int c : text.codePoints().toArray()) {
      state = next(state, c);
      if (state < 0) {
        return false;
      }
    }
    return accepting[state];
  }

  private int next(int state, int character) {
    int[] from = ranges[state];
    for (int i = 0; i < from.length; i += 3) {
      if (character >= from[i] && character <= from[i + 1]) {
        return from[i + 2];
      }
    }
    return -1;
  }

  /** The texts as strings of JSON. */
  Dfa toStrings() {
    Dfa.Builder out = new Dfa.Builder("a pattern");
    int begin = out.state();
    int end = out.state();
    int first = out.state();
    for (int i = 1; i < ranges.length; i++) {
      out.state();
    }
    out.edge(begin, '"', '"', first);
    out.accept(end);
    Spelling spelling = new Spelling(out);
    for (int i = 0; i < ranges.length; i++) {
      if (accepting[i]) {
        out.edge(first + i, '"', '"', end);
      }
      int[] shifted = ranges[i].clone();
      for (int j = 2; j < shifted.length; j += 3) {
        shifted[j] += first;
      }
      spelling.add(first + i, shifted);
      if (accepting[i] && takesAll(i)) {
        out.free(first + i);
      }
    }
    return out.build();
  }

  private boolean takesAll(int state) {
    int[] from = ranges[state];
    int next = 0;
    for (int i = 0; i < from.length; i += 3) {
      if (from[i] != next || from[i + 2] != state) {
        return false;
      }
      next = from[i + 1] + 1;
    }
    return next == Character.MAX_CODE_POINT + 1;
  }

  /** Two automata side by side. */
  private static final class Product {
    private static final int GONE = -1; // of what is taken away: it does not match any more

    private final CharacterDfa a;
    private final CharacterDfa b;
    private final boolean minus;
    private final Map<Long, Integer> numbers = new HashMap<>();
    private final List<int[]> pairs = new ArrayList<>();

    Product(CharacterDfa a, CharacterDfa b, boolean minus) {
      this.a = a;
      this.b = b;
      this.minus = minus;
    }

    CharacterDfa build() {
      number(0, 0);
      List<int[]> ranges = new ArrayList<>();
      for (int i = 0; i < pairs.size(); i++) {
        ranges.add(ranges(pairs.get(i)));
      }
      boolean[] accepting = new boolean[pairs.size()];
      for (int i = 0; i < accepting.length; i++) {
        int other = pairs.get(i)[1];
        accepting[i] =
            a.accepting[pairs.get(i)[0]] && (other != GONE && b.accepting[other]) != minus;
      }
      return new CharacterDfa(ranges.toArray(int[][]::new), accepting);
    }

    private int number(int stateA, int stateB) {
      return numbers.computeIfAbsent(
          (long) stateA << 32 | stateB & 0xffffffffL,
          key -> {
            pairs.add(new int[] {stateA, stateB});
            Limits.check(pairs.size(), Limits.STATES, "a pattern with others or with a length");
            return pairs.size() - 1;
          });
    }

    private int[] ranges(int[] pair) {
      int[] ofA = a.ranges[pair[0]];
      int[] ofB = pair[1] == GONE ? NONE : b.ranges[pair[1]];
      List<Integer> out = new ArrayList<>();
      for (int i = 0; i < ofA.length; i += 3) {
        int at = ofA[i];
        for (int j = 0; j < ofB.length && at <= ofA[i + 1]; j += 3) {
          int low = Math.max(at, ofB[j]);
          int high = Math.min(ofA[i + 1], ofB[j + 1]);
          if (low <= high) {
            gap(out, at, low - 1, ofA[i + 2]);
            out.addAll(List.of(low, high, number(ofA[i + 2], ofB[j + 2])));
            at = high + 1;
          }
        }
        gap(out, at, ofA[i + 1], ofA[i + 2]);
      }
      return out.stream().mapToInt(Integer::intValue).toArray();
    }

    private void gap(List<Integer> out, int low, int high, int stateA) {
      if (minus && low <= high) {
        out.addAll(List.of(low, high, number(stateA, GONE)));
      }
    }
  }
}
