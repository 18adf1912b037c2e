package io.calidrop.generate;

/** Is told how the tokens of a text came about. */
@FunctionalInterface
public interface TokenListener {
  /** Whether it reads logits: to have them costs a copy for each token. */
  default boolean readsLogits() {
    return true;
  }

  /**
   * A token was chosen, which is none that ends the text.
   *
   * @param logits [vocabulary] the model's, before any penalty, valid during the call; null unless
   *     it reads them
   */
  void sampled(int token, float[] logits);
}
