package io.calidrop.generate;

/** Is told how the tokens of a text came about. */
@FunctionalInterface
public interface TokenListener {
  /**
   * A token was chosen, which is none that ends the text.
   *
   * @param logits [vocabulary] the model's, before any penalty, valid during the call
   */
  void sampled(int token, float[] logits);
}
