package io.calidrop.constraint;

import java.util.Arrays;

/** Where a text is within its constraint. For one thread at a time. */
public final class ConstraintState {
  private final Automaton automaton;
  private Automaton.State state;

  ConstraintState(Automaton automaton, Automaton.State state) {
    this.automaton = automaton;
    this.state = state;
  }

  /**
   * Rules out the tokens that cannot come next: their logits become negative infinity. End tokens
   * may come where the text is complete.
   *
   * @param logits [vocabulary]
   * @throws IllegalStateException if the vocabulary has no token for what must come
   */
  public void mask(float[] logits) {
    long[] mask = automaton.mask(state);
    long any = 0;
    for (int word = 0; word < mask.length; word++) {
      long ruledOut = ~mask[word];
      any |= mask[word];
      int first = word << 6;
      int count = Math.min(64, logits.length - first);
      if (ruledOut == -1L) {
        Arrays.fill(logits, first, first + count, Float.NEGATIVE_INFINITY);
      } else if (ruledOut != 0) {
        for (int i = 0; i < count; i++) {
          if ((ruledOut & 1L << i) != 0) {
            logits[first + i] = Float.NEGATIVE_INFINITY;
          }
        }
      }
    }
    if (any == 0) {
      throw new IllegalStateException(
          "the model's vocabulary has no token for a character that the schema asks for");
    }
  }

  /** Whether a token may come next. */
  public boolean allows(int token) {
    return (automaton.mask(state)[token >> 6] & 1L << token) != 0;
  }

  /**
   * Takes a token that is no end token.
   *
   * @throws IllegalArgumentException if it may not come next
   */
  public void accept(int token) {
    Automaton.State next = automaton.after(state, token);
    if (next == null) {
      throw new IllegalArgumentException("token " + token + " does not fit the schema");
    }
    state = next;
  }

  /** Whether the text may end here. */
  public boolean isComplete() {
    return state.isComplete();
  }

  /** Whether the text is complete and cannot go on. */
  public boolean isFinished() {
    return state.isFinished();
  }

  /** Another at the same place, which goes its own way. */
  public ConstraintState copy() {
    return new ConstraintState(automaton, state);
  }
}
