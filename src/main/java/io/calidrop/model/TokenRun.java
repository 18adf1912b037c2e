package io.calidrop.model;

/**
 * The next tokens of a session.
 *
 * @param tokens holds them in {@code [from, to)}
 * @param drafted the last so many of them are a guess, fewer than all: the logits after each of
 *     them and after the token before are wanted, and {@link InferenceSession#truncate} is to tell
 *     afterwards which stay
 */
public record TokenRun(InferenceSession session, int[] tokens, int from, int to, int drafted) {
  public TokenRun(InferenceSession session, int[] tokens, int from, int to) {
    this(session, tokens, from, to, 0);
  }

  /** Tokens that are no guess. */
  int certain() {
    return to - from - drafted;
  }
}
