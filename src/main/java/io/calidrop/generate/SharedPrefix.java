package io.calidrop.generate;

import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.StateBuffer;
import io.calidrop.attention.StateStreams;
import io.calidrop.model.InferenceSession;
import io.calidrop.model.Transformer;
import java.util.Arrays;
import java.util.Optional;

/**
 * The beginning that prompts have in common, such as a system message, computed once: the state of
 * a session after it, for others to begin with. It is learned from the prompts, or known.
 *
 * <p>A cache that is compressed once observes a prompt whole; there only a beginning is shared that
 * is known to be one. For one thread at a time.
 */
public final class SharedPrefix {
  /** Tokens that are worth a copy of a session's state. */
  private static final int LEAST = 16;

  private final Transformer model;
  private final StateBuffer state = new StateBuffer();
  private int[] tokens = {};

  public SharedPrefix(Transformer model) {
    this.model = model;
  }

  /** How many tokens two prompts begin with alike. */
  static int common(int[] a, int[] b) {
    int mismatch = Arrays.mismatch(a, b);
    return mismatch < 0 ? a.length : mismatch;
  }

  /**
   * Brings a session to a state that a prompt begins with; at least its last token is left to
   * compute.
   *
   * @param held what the session was given last; what it generated since does not count
   * @param following the prompt after this one, to learn from, or empty
   * @param copies whether other sessions will want the beginning
   */
  public void begin(
      InferenceSession session, int[] held, int[] prompt, int[] following, boolean copies) {
    Optional<CacheBudget> budget = session.cacheOptions().budget();
    if (budget.filter(b -> b.compress() == Compress.ONCE).isPresent()
        || prompt.length > session.limit()) {
      session.truncate(0);
      return;
    }
    int most = prompt.length - 1;
    int known = Math.min(common(tokens, prompt), most);
    boolean fits = known == tokens.length;
    int own = Math.min(Math.min(common(held, prompt), most), session.position());
    if (session.canTruncate(own) && own >= (fits ? known : 0)) {
      session.truncate(own);
    } else if (fits && known > 0) {
      session.transfer(StateStreams.from(state.read()));
    } else {
      session.truncate(0);
    }
    if (copies || !session.isRewindable()) {
      learn(session, prompt, fits, known, Math.min(common(following, prompt), most));
    }
  }

  /**
   * Brings a session to the state after a beginning that is known to be common, such as a document
   * that many questions are about. A cache that is compressed once is so at its end.
   *
   * @param held what the session was given last
   * @param length tokens of the beginning, fewer than the prompt has
   */
  public void beginWith(InferenceSession session, int[] held, int[] prompt, int length) {
    boolean known = tokens.length == length && common(tokens, prompt) == length;
    if (known && session.isRewindable() && common(held, prompt) >= length) {
      session.truncate(length);
    } else if (known) {
      session.transfer(StateStreams.from(state.read()));
    } else {
      session.truncate(0);
      session.expectPrompt(length);
      model.forward(session, prompt, 0, length, false);
      session.transfer(StateStreams.to(state.write()));
      tokens = Arrays.copyOf(prompt, length);
    }
  }

  /**
   * Keeps the state after that beginning which the coming prompts have too. Where a prompt does not
   * have the known one, what is left of it is that of all; else the next prompt must have much more
   * in common with this one.
   */
  private void learn(InferenceSession session, int[] prompt, boolean fits, int known, int next) {
    int worth = (fits ? tokens.length : 0) + LEAST;
    int length = !fits && known >= LEAST ? known : next >= worth ? next : 0;
    if (length == 0 || length < session.position()) {
      return;
    }
    if (length > session.position()) {
      session.expectPrompt(prompt.length - session.position());
      model.forward(session, prompt, session.position(), length, false);
    }
    session.transfer(StateStreams.to(state.write()));
    tokens = Arrays.copyOf(prompt, length);
  }
}
