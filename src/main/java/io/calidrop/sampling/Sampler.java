package io.calidrop.sampling;

/** Chooses the next token from logits. Stateful (history, random generator): one per generation. */
public interface Sampler {

  /**
   * The chosen token.
   *
   * @param logits [vocabulary], overwritten
   */
  int sample(float[] logits);

  /**
   * Tells the sampler of a token that is now part of the answer. A prompt's tokens are not: an
   * answer would avoid the words of the question.
   */
  void accept(int token);
}
