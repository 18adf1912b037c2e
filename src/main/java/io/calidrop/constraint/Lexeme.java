package io.calidrop.constraint;

/**
 * A regular language over bytes, read from state 0. From every state a word of it can be finished.
 * Immutable.
 */
interface Lexeme {
  /** Where {@link #next} leads when no word goes on so. */
  int DEAD = -1;

  /** The state after a byte of 0 to 255, or {@link #DEAD}. */
  int next(int state, int value);

  /** Whether the bytes so far are a word. */
  boolean accepts(int state);

  /** Whether a word goes on from here. */
  boolean continues(int state);

  /**
   * How many characters of any kind may follow here, quotes, backslashes and control characters
   * aside; negative where that is not what may follow.
   */
  int room(int state);

  /**
   * What states have in common that the same words of up to {@code length} bytes follow.
   *
   * @return a value for a hash map
   */
  Object key(int state, int length);

  /** A state of one lexeme. */
  record Key(Lexeme lexeme, int state) {}
}
