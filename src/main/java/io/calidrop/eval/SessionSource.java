package io.calidrop.eval;

import io.calidrop.attention.CacheBudget;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.KvType;
import io.calidrop.attention.PromptRecord;
import io.calidrop.model.InferenceSession;
import io.calidrop.model.LlamaModel;
import java.util.List;

/** Opens sessions that begin with one prompt, which is attended once for all of them. */
public final class SessionSource {
  private final LlamaModel model;
  private final int context;
  private final PromptRecord prompt; // or null

  /**
   * @param context positions of a session
   * @param prompt how many of {@code tokens} are attended whole; 0 for none
   * @param caches all options that sessions will be opened with
   */
  public SessionSource(
      LlamaModel model,
      int context,
      int[] tokens,
      int prompt,
      KvType kvType,
      List<CacheOptions> caches) {
    this.model = model;
    this.context = context;
    if (prompt == 0) {
      this.prompt = null;
      return;
    }
    int window = 1;
    int queries = 1;
    for (CacheOptions options : caches) {
      window = Math.max(window, options.budget().map(CacheBudget::window).orElse(1));
      queries = Math.max(queries, options.calibration().window());
    }
    this.prompt = model.record(tokens, 0, prompt, kvType, window, queries);
  }

  /** A session that has had the prompt, and is compressed if its options say so. */
  public InferenceSession open(CacheOptions options) {
    InferenceSession session = model.newSession(context, options);
    if (prompt != null) {
      session.adopt(prompt);
    }
    return session;
  }
}
