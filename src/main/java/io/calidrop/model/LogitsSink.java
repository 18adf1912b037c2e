package io.calidrop.model;

/** Receives the logits of a sequence of tokens. Called by the thread that runs the pass. */
@FunctionalInterface
public interface LogitsSink {
  /**
   * @param index of the token after which these logits predict the next
   * @param logits holds [vocabulary] values at {@code offset}, valid during the call only
   */
  void accept(int index, float[] logits, int offset);
}
