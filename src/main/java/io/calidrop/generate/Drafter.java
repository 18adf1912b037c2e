package io.calidrop.generate;

/** Guesses what follows in one sequence. For one thread at a time. */
interface Drafter extends AutoCloseable {
  /** Takes a token that is part of the sequence now. */
  void accept(int token);

  /**
   * Guesses the next tokens.
   *
   * @param most of them, at least 1
   * @param tokens receives them
   * @param chances receives how likely each is right where those before it are
   * @return how many, perhaps none
   */
  int draft(int most, int[] tokens, double[] chances);

  /** Ends it: the sequence is done. */
  @Override
  default void close() {}
}
