package io.calidrop.generate;

import io.calidrop.attention.CacheStatistics;
import io.calidrop.model.InferenceSession;
import io.calidrop.model.LlamaModel;

/** What the token loop needs of a model: a session that takes tokens and gives logits. */
interface TokenStream {
  /**
   * Appends {@code tokens[from, to)} and returns the logits after the last, valid until the next
   * call.
   */
  float[] forward(int[] tokens, int from, int to);

  /** Announces that the next {@code tokens} tokens are a prompt. */
  void expectPrompt(int tokens);

  /** Positions taken so far. */
  int position();

  /** Most positions there can be. */
  int limit();

  /** What the cache holds. */
  CacheStatistics cache();

  static TokenStream of(LlamaModel model, InferenceSession session) {
    return new TokenStream() {
      @Override
      public float[] forward(int[] tokens, int from, int to) {
        return model.forward(session, tokens, from, to, true);
      }

      @Override
      public void expectPrompt(int tokens) {
        session.expectPrompt(tokens);
      }

      @Override
      public int position() {
        return session.position();
      }

      @Override
      public int limit() {
        return session.limit();
      }

      @Override
      public CacheStatistics cache() {
        return session.statistics();
      }
    };
  }
}
