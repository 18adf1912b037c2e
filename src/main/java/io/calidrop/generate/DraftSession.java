package io.calidrop.generate;

import io.calidrop.model.InferenceSession;
import io.calidrop.model.Transformer;
import io.calidrop.tokenizer.TokenList;
import java.util.Arrays;

/** What a draft model has read, right or wrong. For one thread at a time. */
final class DraftSession {
  private final Transformer model;
  private final InferenceSession session;
  private final TokenList held = new TokenList(); // tokens of the session

  DraftSession(Transformer model, InferenceSession session) {
    this.model = model;
    this.session = session;
  }

  /** Tokens that a sequence may have. */
  int limit() {
    return session.limit();
  }

  /**
   * How many tokens of a sequence the session holds.
   *
   * @param known how many it holds at least
   * @param tokens of the sequence in {@code [0, length)}
   */
  int common(int known, int[] tokens, int length) {
    int mismatch = Arrays.mismatch(held.array(), known, held.size(), tokens, known, length);
    return mismatch < 0 ? length : known + mismatch;
  }

  /**
   * The logits after a sequence.
   *
   * @param common how many tokens of it the session holds
   */
  float[] logits(int common, TokenList sequence) {
    int kept = Math.min(common, sequence.size() - 1);
    if (!session.canTruncate(kept)) {
      kept = 0; // a window has lost what it held there
    }
    session.truncate(kept);
    held.truncate(kept);
    for (int i = kept; i < sequence.size(); i++) {
      held.add(sequence.array()[i]);
    }
    return model.forward(session, sequence.array(), kept, sequence.size(), true);
  }

  /** The logits after another token. */
  float[] logits(int token) {
    held.add(token);
    return model.forward(session, held.array(), held.size() - 1, held.size(), true);
  }
}
