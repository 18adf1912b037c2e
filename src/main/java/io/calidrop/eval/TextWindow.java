package io.calidrop.eval;

/**
 * A piece of a text to compare caches on.
 *
 * @param tokens the piece and the token that follows it
 * @param once whether the tokens before those that count are attended whole before caches are
 *     compressed
 * @param scored first token whose prediction of its successor counts
 */
public record TextWindow(int[] tokens, boolean once, int scored) {
  public TextWindow {
    if (scored < 0 || scored >= tokens.length - 1) {
      throw new IllegalArgumentException("no tokens to score after " + scored);
    }
  }

  /** Tokens that are predicted from. */
  int count() {
    return tokens.length - 1;
  }
}
