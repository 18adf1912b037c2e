package io.calidrop.constraint;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/**
 * A grammar and a vocabulary as states that are made when a text comes to them. Where a grammar is
 * ambiguous, a state is all places where the text may be. Safe for concurrent use: one thread at a
 * time finds new states.
 */
final class Automaton {
  private static final int MOST_STATES = 10_000; // that are kept
  private static final long MOST_BYTES = 16L << 20; // of their masks

  private static final State NOWHERE = new State(Set.of());

  private final TokenBytes tokens;
  private final State start;
  private final Map<Set<Place>, State> states = new HashMap<>();
  private final Map<Frame, Frame> frames = new HashMap<>();
  private long maskBytes;

  /** What is still to come after a symbol: the rest of a sequence, and what comes after that. */
  private static final class Frame {
    private final Symbol[] sequence;
    private final int index;
    private final Frame below; // or null
    private final int depth;
    private State after; // the state when the symbol is over, once it is known

    Frame(Symbol[] sequence, int index, Frame below) {
      this.sequence = sequence;
      this.index = index;
      this.below = below;
      depth = depth(below) + 1;
    }

    static int depth(Frame frame) {
      return frame == null ? 0 : frame.depth;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Frame frame
          && sequence == frame.sequence
          && index == frame.index
          && below == frame.below;
    }

    @Override
    public int hashCode() {
      return (System.identityHashCode(sequence) * 31 + index) * 31 + System.identityHashCode(below);
    }
  }

  /**
   * A place in a text: within a lexeme, or at the end of all.
   *
   * @param lexeme null at the end
   * @param rest null where nothing comes after the lexeme
   */
  private record Place(Lexeme lexeme, int state, Frame rest) {
    private static final Place END = new Place(null, 0, null);
  }

  /** All places where a text may be. */
  static final class State {
    private final Set<Place> places;
    private final State[][] next = new State[8][]; // by byte, 32 at a time; null where not known
    private long[] mask; // or null

    private State(Set<Place> places) {
      this.places = places;
    }

    private void forget() {
      mask = null;
      Arrays.fill(next, null);
    }

    /** Whether the text may end here. */
    boolean isComplete() {
      return places.contains(Place.END);
    }

    /** Whether it cannot go on. */
    boolean isFinished() {
      return isComplete() && places.size() == 1;
    }
  }

  Automaton(Rule root, TokenBytes tokens) {
    this.tokens = tokens;
    Places places = new Places();
    places.end(new Frame(new Symbol[] {root}, 0, null));
    start = state(places.found);
  }

  TokenBytes tokens() {
    return tokens;
  }

  State start() {
    return start;
  }

  /** The state after a token, or null where it is not allowed. */
  synchronized State after(State state, int token) {
    State at = state;
    byte[] bytes = tokens.bytes(token);
    for (int i = 0; i < bytes.length && at != null; i++) {
      at = next(at, bytes[i] & 0xff);
    }
    return bytes.length == 0 ? null : at;
  }

  /** The tokens that may come next, the end tokens among them where the text may end: 64 a word. */
  synchronized long[] mask(State state) {
    if (state.mask == null) {
      Place one = state.places.iterator().next();
      if (state.places.size() == 1 && one.lexeme != null) {
        LexemeMask lexeme = tokens.mask(one.lexeme, one.state);
        if (lexeme.exits().length == 0) {
          return lexeme.allowed();
        }
      }
      long[] mask = new long[tokens.words()];
      for (Place place : state.places) {
        if (place.lexeme == null) {
          tokens.markEnds(mask);
        } else {
          add(place, mask);
        }
      }
      keep(state, mask);
      return mask;
    }
    return state.mask;
  }

  private void keep(State state, long[] mask) {
    maskBytes += (long) mask.length * Long.BYTES;
    if (maskBytes > MOST_BYTES || states.size() > MOST_STATES) {
      // Texts under way keep the states where they are, and find those after them anew.
      states.values().forEach(State::forget);
      states.clear();
      frames.values().forEach(frame -> frame.after = null);
      frames.clear();
      maskBytes = 0;
    }
    state.mask = mask;
  }

  private void add(Place place, long[] mask) {
    LexemeMask lexeme = tokens.mask(place.lexeme, place.state);
    TokenBytes.or(mask, lexeme.allowed());
    if (lexeme.exits().length > 0) {
      State after = after(place.rest);
      for (int node : lexeme.exits()) {
        walk(after, lexeme.trie(), node, mask);
      }
    }
  }

  private void walk(State state, TokenTrie trie, int node, long[] mask) {
    for (int child = node + 1; child < trie.end(node); child = trie.end(child)) {
      State next = next(state, trie.value(child));
      if (next != null) {
        trie.mark(child, mask);
        walk(next, trie, child, mask);
      }
    }
  }

  /** The state when what comes before a frame is over. */
  private State after(Frame frame) {
    if (frame == null) {
      return state(Set.of(Place.END));
    }
    if (frame.after == null) {
      Places places = new Places();
      places.end(frame);
      frame.after = state(places.found);
    }
    return frame.after;
  }

  private State next(State state, int value) {
    State[] block = state.next[value >> 5];
    if (block == null) {
      block = new State[32];
      state.next[value >> 5] = block;
    }
    if (block[value & 31] == null) {
      Places places = new Places();
      for (Place place : state.places) {
        int next = place.lexeme == null ? Lexeme.DEAD : place.lexeme.next(place.state, value);
        if (next != Lexeme.DEAD) {
          places.at(place.lexeme, next, place.rest);
        }
      }
      block[value & 31] = places.found.isEmpty() ? NOWHERE : state(places.found);
    }
    State next = block[value & 31];
    return next == NOWHERE ? null : next;
  }

  private State state(Set<Place> places) {
    return states.computeIfAbsent(places, State::new);
  }

  /** Finds the places where a text may be without another byte. */
  private final class Places {
    private record Visit(Rule rule, Frame rest) {}

    private final Set<Place> found = new LinkedHashSet<>();
    private final Set<Visit> visited = new HashSet<>();
    private final Deque<Frame> open = new ArrayDeque<>(); // what begins here

    void at(Lexeme lexeme, int state, Frame rest) {
      if (lexeme.continues(state)) {
        found.add(new Place(lexeme, state, rest));
      }
      if (lexeme.accepts(state)) {
        end(rest);
      }
    }

    void end(Frame rest) {
      if (rest == null) {
        found.add(Place.END);
      } else {
        open.add(rest);
        drain();
      }
    }

    /** Rules may follow each other without a byte by the thousand: a loop, no recursion. */
    private void drain() {
      for (Frame frame = open.poll(); frame != null; frame = open.poll()) {
        Symbol symbol = frame.sequence[frame.index];
        Frame rest = frame.index + 1 == frame.sequence.length ? frame.below : frame(frame);
        switch (symbol) {
          case Text text -> at(text.lexeme(), 0, rest);
          case Rule rule -> begin(rule, rest);
        }
      }
    }

    private void begin(Rule rule, Frame rest) {
      if (visited.add(new Visit(rule, rest))) {
        for (Symbol[] sequence : rule.alternatives()) {
          if (sequence.length == 0) {
            end(rest);
          } else if (Frame.depth(rest) + Rule.height(sequence) <= Limits.DEPTH) {
            open.add(new Frame(sequence, 0, rest));
          }
        }
      }
    }

    private Frame frame(Frame at) {
      Frame frame = new Frame(at.sequence, at.index + 1, at.below);
      Frame known = frames.putIfAbsent(frame, frame);
      return known == null ? frame : known;
    }
  }
}
