package io.calidrop.eval;

/**
 * A piece of a text to compare caches on.
 *
 * @param tokens the piece and the token that follows it
 * @param prompt tokens that are attended whole before caches are compressed once; 0 with {@link
 *     io.calidrop.attention.CacheBudget.Compress#ROLLING}
 * @param scored first token whose prediction of its successor counts
 */
public record TextWindow(int[] tokens, int prompt, int scored) {
  public TextWindow {
    if (scored < 0 || scored >= tokens.length - 1 || prompt != 0 && prompt != scored) {
      throw new IllegalArgumentException("no tokens to score after " + scored);
    }
  }

  /** Tokens that are predicted from. */
  int count() {
    return tokens.length - 1;
  }
}
