package io.calidrop.constraint;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/** The states of a pattern, any number of them at a time, and what makes one state of them. */
final class RegexStates {
  private static final String WHAT = "a pattern";

  private final List<List<Integer>> empties = new ArrayList<>();
  private final List<List<Integer>> begins = new ArrayList<>(); // at the beginning of the text
  private final List<List<Integer>> ends = new ArrayList<>(); // at its end
  private final List<CharacterSet> sets = new ArrayList<>(); // that lead on, or null
  private final List<Integer> targets = new ArrayList<>();
  private long places;
  private int after; // the match: whatever follows, the text matches

  int add() {
    Limits.check(sets.size(), Limits.PATTERN, WHAT);
    for (List<List<Integer>> edges : List.of(empties, begins, ends)) {
      edges.add(new ArrayList<>(1));
    }
    sets.add(null);
    targets.add(-1);
    return sets.size() - 1;
  }

  void empty(int from, int to) {
    empties.get(from).add(to);
  }

  void anchor(int from, int to, boolean begin) {
    (begin ? begins : ends).get(from).add(to);
  }

  void characters(int from, int to, CharacterSet set) {
    sets.set(from, set);
    targets.set(from, to);
  }

  /** The texts in which there is a way from one state to the other. */
  CharacterDfa determinize(int from, int to) {
    CharacterSet any = CharacterSet.of().complement();
    int before = add();
    int begin = add();
    empty(begin, before);
    characters(before, begin, any); // what stands before the match
    empty(begin, from);
    after = add();
    empty(to, after);
    characters(after, after, any); // what stands after it

    Map<BitSet, Integer> numbers = new HashMap<>();
    List<BitSet> all = new ArrayList<>();
    List<int[]> ranges = new ArrayList<>();
    BitSet start = new BitSet();
    start.set(begin);
    number(closure(start, true, false), numbers, all);
    for (int i = 0; i < all.size(); i++) {
      ranges.add(ranges(all.get(i), numbers, all));
    }
    boolean[] accepting = new boolean[all.size()];
    for (int i = 0; i < accepting.length; i++) {
      accepting[i] = all.get(i).get(after) || closure(all.get(i), i == 0, true).get(to);
    }
    return new CharacterDfa(ranges.toArray(int[][]::new), accepting);
  }

  private int number(BitSet states, Map<BitSet, Integer> numbers, List<BitSet> all) {
    if (states.get(after)) {
      states.clear();
      states.set(after);
    }
    Integer known = numbers.get(states);
    if (known == null) {
      known = all.size();
      Limits.check(known, Limits.STATES, WHAT);
      places += states.cardinality();
      Limits.check(places, Limits.PLACES, WHAT);
      numbers.put(states, known);
      all.add(states);
    }
    return known;
  }

  private BitSet closure(BitSet states, boolean atBegin, boolean atEnd) {
    BitSet closed = (BitSet) states.clone();
    Deque<Integer> queue = new ArrayDeque<>(states.stream().boxed().toList());
    while (!queue.isEmpty()) {
      int state = queue.poll();
      reach(empties.get(state), closed, queue);
      if (atBegin) {
        reach(begins.get(state), closed, queue);
      }
      if (atEnd) {
        reach(ends.get(state), closed, queue);
      }
    }
    return closed;
  }

  private static void reach(List<Integer> targets, BitSet closed, Deque<Integer> queue) {
    for (int target : targets) {
      if (!closed.get(target)) {
        closed.set(target);
        queue.add(target);
      }
    }
  }

  private int[] ranges(BitSet states, Map<BitSet, Integer> numbers, List<BitSet> all) {
    TreeSet<Integer> borders = new TreeSet<>();
    List<Integer> leading = states.stream().filter(s -> sets.get(s) != null).boxed().toList();
    for (int state : leading) {
      int[] set = sets.get(state).ranges();
      for (int i = 0; i < set.length; i += 2) {
        borders.add(set[i]);
        borders.add(set[i + 1] + 1);
      }
    }
    List<Integer> out = new ArrayList<>();
    Integer from = borders.isEmpty() ? null : borders.first();
    while (from != null) {
      Integer next = borders.higher(from);
      if (next != null) {
        add(out, from, next - 1, target(leading, from), numbers, all);
      }
      from = next;
    }
    return out.stream().mapToInt(Integer::intValue).toArray();
  }

  private void add(
      List<Integer> out,
      int low,
      int high,
      BitSet target,
      Map<BitSet, Integer> numbers,
      List<BitSet> all) {
    if (target.isEmpty()) {
      return;
    }
    int to = number(target, numbers, all);
    int last = out.size() - 1;
    if (last > 0 && out.get(last) == to && out.get(last - 1) == low - 1) {
      out.set(last - 1, high);
    } else {
      out.addAll(List.of(low, high, to));
    }
  }

  private BitSet target(List<Integer> leading, int character) {
    BitSet reached = new BitSet();
    for (int state : leading) {
      if (contains(sets.get(state).ranges(), character)) {
        reached.set(targets.get(state));
      }
    }
    return closure(reached, false, false);
  }

  private static boolean contains(int[] ranges, int character) {
    for (int i = 0; i < ranges.length; i += 2) {
      if (character >= ranges[i] && character <= ranges[i + 1]) {
        return true;
      }
    }
    return false;
  }
}
