package io.calidrop.constraint;

/**
 * A string of JSON with any characters, spelled as {@link Spelling} says. Its states are computed
 * rather than stored, so that lengths may be of any size.
 *
 * @param least characters
 * @param most characters, or {@link #UNLIMITED}
 */
record AnyString(int least, int most) implements Lexeme {
  static final int UNLIMITED = Integer.MAX_VALUE;

  /** Greatest length there can be. */
  static final int LONGEST = 1 << 24;

  private static final int BEGIN = 0; // before the quote
  private static final int END = 1; // after it
  private static final int COUNTED = 2; // from here on: PARTS for each number of characters
  private static final Dfa CHARACTER = character();
  private static final int PARTS = 32; // more than the states of a character

  private record Like(int part, int least, int most) {}

  AnyString {
    if (most != UNLIMITED && most > LONGEST || least > LONGEST) {
      throw new IllegalArgumentException(
          "a length of more than %d is not supported".formatted(LONGEST));
    }
  }

  /** One character, its bytes and escapes. */
  private static Dfa character() {
    Dfa.Builder out = new Dfa.Builder("a character");
    int from = out.state();
    int end = out.state();
    out.accept(end);
    new Spelling(out).add(from, new int[] {0, Character.MAX_CODE_POINT, end});
    return out.build();
  }

  @Override
  public int next(int state, int value) {
    if (state < COUNTED) {
      return state == BEGIN && value == '"' ? COUNTED : DEAD;
    }
    int count = (state - COUNTED) / PARTS;
    int part = (state - COUNTED) % PARTS;
    if (part == 0 && value == '"') {
      return count >= least ? END : DEAD;
    }
    int next = count == most ? DEAD : CHARACTER.next(part, value);
    if (next == DEAD) {
      return DEAD;
    }
    if (!CHARACTER.accepts(next)) {
      return state - part + next;
    }
    return most == UNLIMITED && count == least ? state - part : state - part + PARTS;
  }

  @Override
  public boolean accepts(int state) {
    return state == END;
  }

  @Override
  public boolean continues(int state) {
    return state != END;
  }

  @Override
  public int room(int state) {
    boolean between = state >= COUNTED && (state - COUNTED) % PARTS == 0;
    return between ? most - (most == UNLIMITED ? 0 : (state - COUNTED) / PARTS) : -1;
  }

  @Override
  public Object key(int state, int length) {
    if (state < COUNTED) {
      return new Like(-1 - state, Math.min(least, length), Math.min(most, length));
    }
    int count = (state - COUNTED) / PARTS;
    return new Like(
        (state - COUNTED) % PARTS,
        Math.clamp(least - (long) count, 0, length),
        most == UNLIMITED ? length : Math.min(most - count, length));
  }
}
