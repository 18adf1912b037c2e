package io.calidrop.model;

import io.calidrop.attention.KvType;

/** A loaded model: immutable weights and the threads that compute with them. */
public final class LlamaModel implements AutoCloseable {

  public LlamaConfig config() {
    throw new UnsupportedOperationException();
  }

  /**
   * A new inference state with an empty cache.
   *
   * @param contextLength most positions it may hold
   */
  public InferenceSession newSession(int contextLength, KvType kvType) {
    throw new UnsupportedOperationException();
  }

  /**
   * Runs {@code tokens[from, to)} through the model at the session's next positions and appends
   * them to its cache.
   *
   * @return the logits [vocabulary] after the last token, owned by the session and valid until its
   *     next call; null unless {@code wantLogits}
   * @throws IllegalArgumentException if a token is no token of the vocabulary or the tokens do not
   *     fit into the session's context
   */
  public float[] forward(
      InferenceSession session, int[] tokens, int from, int to, boolean wantLogits) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {
    throw new UnsupportedOperationException();
  }
}
