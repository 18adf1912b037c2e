package io.calidrop.constraint;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A lexeme as a table: for each state the ranges of bytes that lead on, in order. */
final class Dfa implements Lexeme {
  private final int[] first; // [states + 1], the first edge of each
  private final short[] low;
  private final short[] high;
  private final int[] target;
  private final BitSet accepting;
  private final BitSet free; // states that take any character and come back

  private Dfa(int[] first, short[] low, short[] high, int[] target, BitSet accepting, BitSet free) {
    this.first = first;
    this.low = low;
    this.high = high;
    this.target = target;
    this.accepting = accepting;
    this.free = free;
  }

  @Override
  public int next(int state, int value) {
    for (int edge = first[state]; edge < first[state + 1]; edge++) {
      if (value <= high[edge]) {
        return value >= low[edge] ? target[edge] : DEAD;
      }
    }
    return DEAD;
  }

  @Override
  public boolean accepts(int state) {
    return accepting.get(state);
  }

  @Override
  public boolean continues(int state) {
    return first[state] < first[state + 1];
  }

  @Override
  public int room(int state) {
    return free.get(state) ? Integer.MAX_VALUE : -1;
  }

  @Override
  public Object key(int state, int length) {
    return new Key(this, state);
  }

  /** Whether there is a word at all. */
  boolean isEmpty() {
    return !accepts(0) && !continues(0);
  }

  /** Some words. */
  static Dfa words(Collection<byte[]> words) {
    Builder builder = new Builder("a list of values");
    Map<Long, Integer> nodes = new HashMap<>();
    int start = builder.state();
    for (byte[] word : words) {
      int at = start;
      for (byte b : word) {
        int value = b & 0xff;
        long key = (long) at << 8 | value;
        Integer next = nodes.get(key);
        if (next == null) {
          next = builder.state();
          builder.edge(at, value, value, next);
          nodes.put(key, next);
        }
        at = next;
      }
      builder.accept(at);
    }
    return builder.build();
  }

  /** Collects states and edges; the first state is where words begin. */
  static final class Builder {
    private final String what;
    private final List<List<int[]>> edges = new ArrayList<>(); // low, high, target
    private final BitSet accepting = new BitSet();
    private final BitSet free = new BitSet();
    private int size;

    /**
     * @param what it is of, for messages
     */
    Builder(String what) {
      this.what = what;
    }

    int state() {
      edges.add(new ArrayList<>(2));
      return edges.size() - 1;
    }

    /** An edge for bytes that no other edge of the state has. */
    void edge(int from, int low, int high, int to) {
      Limits.check(++size, Limits.EDGES, what);
      edges.get(from).add(new int[] {low, high, to});
    }

    void accept(int state) {
      accepting.set(state);
    }

    /** Says that the state takes any character and comes back. */
    void free(int state) {
      free.set(state);
    }

    /** The automaton without what leads nowhere. */
    Dfa build() {
      BitSet live = live();
      int[] number = new int[edges.size()];
      Arrays.fill(number, DEAD);
      Deque<Integer> queue = new ArrayDeque<>(List.of(0));
      List<Integer> order = new ArrayList<>(List.of(0));
      number[0] = 0;
      while (!queue.isEmpty()) {
        for (int[] edge : edges.get(queue.poll())) {
          if (live.get(edge[2]) && number[edge[2]] < 0) {
            number[edge[2]] = order.size();
            order.add(edge[2]);
            queue.add(edge[2]);
          }
        }
      }
      return numbered(order, number);
    }

    private Dfa numbered(List<Integer> order, int[] number) {
      int[] first = new int[order.size() + 1];
      short[] low = new short[size];
      short[] high = new short[size];
      int[] target = new int[size];
      BitSet accepted = new BitSet();
      BitSet freely = new BitSet();
      int n = 0;
      for (int i = 0; i < order.size(); i++) {
        List<int[]> from = edges.get(order.get(i));
        from.sort((a, b) -> Integer.compare(a[0], b[0]));
        for (int[] edge : from) {
          if (number[edge[2]] >= 0) {
            low[n] = (short) edge[0];
            high[n] = (short) edge[1];
            target[n++] = number[edge[2]];
          }
        }
        first[i + 1] = n;
        accepted.set(i, accepting.get(order.get(i)));
        freely.set(i, free.get(order.get(i)));
      }
      return new Dfa(
          first,
          Arrays.copyOf(low, n),
          Arrays.copyOf(high, n),
          Arrays.copyOf(target, n),
          accepted,
          freely);
    }

    /** The states from which a word can be finished. */
    private BitSet live() {
      List<List<Integer>> sources = new ArrayList<>();
      for (int i = 0; i < edges.size(); i++) {
        sources.add(new ArrayList<>(2));
      }
      for (int i = 0; i < edges.size(); i++) {
        for (int[] edge : edges.get(i)) {
          sources.get(edge[2]).add(i);
        }
      }
      BitSet live = (BitSet) accepting.clone();
      Deque<Integer> queue = new ArrayDeque<>(live.stream().boxed().toList());
      while (!queue.isEmpty()) {
        for (int source : sources.get(queue.poll())) {
          if (!live.get(source)) {
            live.set(source);
            queue.add(source);
          }
        }
      }
      return live;
    }
  }
}
