package io.calidrop.eval;

import io.calidrop.attention.AttendedPrompt;
import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheBudget.Positions;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.EvictionPolicy.Observation;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.QuerySample;
import io.calidrop.model.InferenceSession;
import io.calidrop.model.Transformer;
import java.util.List;

/**
 * Opens sessions that have had the same context, which is attended once for all where it can be.
 * For one thread at a time.
 */
public final class SessionSource {
  private final Transformer model;
  private final int positions;
  private final int[] tokens;
  private final int context;
  private final KvTypes kvTypes;
  private final AttendedPrompt prompt; // in these types, or null

  /**
   * @param positions of a session
   * @param context how many of {@code tokens} the sessions have had
   * @param once whether bounded caches attend the context whole and are compressed at its end
   * @param kvTypes number formats of most sessions: full caches may have others
   * @param caches all options that sessions will be opened with
   */
  public SessionSource(
      Transformer model,
      int positions,
      int[] tokens,
      int context,
      boolean once,
      KvTypes kvTypes,
      List<CacheOptions> caches) {
    this.model = model;
    // A prompt that is read again takes positions after it, where the model has them.
    int again = Math.min(context + model.passTokens(), model.config().contextLength());
    this.positions = Math.max(positions, again);
    this.tokens = tokens;
    this.context = context;
    this.kvTypes = kvTypes;
    prompt = once ? record(caches) : null;
  }

  private AttendedPrompt record(List<CacheOptions> caches) {
    int window = 1;
    int queries = 1;
    boolean again = false;
    for (CacheOptions options : caches) {
      window = Math.max(window, options.budget().map(CacheBudget::window).orElse(1));
      queries = Math.max(queries, options.queries().map(QuerySample::window).orElse(1));
      again |= options.policy().observation() == Observation.REPEAT;
    }
    return model.record(positions, tokens, 0, context, kvTypes, window, queries, again);
  }

  /**
   * Brings a session back to the end of the context: itself, or another where layers that see a
   * window have lost what they saw there.
   */
  public InferenceSession back(InferenceSession session) {
    if (session.canTruncate(context)) {
      session.truncate(context);
      return session;
    }
    session.close();
    return open(session.cacheOptions());
  }

  /**
   * Positions of a session; those that are moved back stay within what the model was trained on.
   */
  private int context(CacheOptions options) {
    boolean rebased = options.budget().filter(b -> b.positions() == Positions.REBASE).isPresent();
    return rebased ? Math.min(positions, model.config().contextLength()) : positions;
  }

  /** A session that has had the context. */
  public InferenceSession open(CacheOptions options) {
    InferenceSession session = model.newSession(context(options), options);
    if (prompt != null && session.canAdopt() && options.kvTypes().equals(kvTypes)) {
      model.adopt(session, prompt);
    } else if (context > 0) {
      session.expectPrompt(context);
      model.forward(session, tokens, 0, context, false);
    }
    return session;
  }
}
