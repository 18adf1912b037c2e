package io.calidrop.eval;

import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheStatistics;
import io.calidrop.attention.KvType;
import io.calidrop.model.InferenceSession;
import io.calidrop.model.LlamaModel;
import java.util.ArrayList;
import java.util.List;

/**
 * What bounded caches lose against the full one on a text: all of them are given the same tokens,
 * and after each the distributions of the next are compared.
 */
public final class CacheQuality {
  private static final int BATCH = 64;

  private final LlamaModel model;
  private final KvType kvType;

  /**
   * The outcome for one cache.
   *
   * @param divergence mean Kullback-Leibler divergence from the full cache, nats a token
   * @param divergence95 its 95th percentile over tokens
   * @param equalArgmax share of tokens with the same likeliest next token
   * @param perplexity of the text
   * @param fullPerplexity the same with the full cache
   * @param cache what the cache held at the end
   */
  public record Result(
      double divergence,
      double divergence95,
      double equalArgmax,
      double perplexity,
      double fullPerplexity,
      CacheStatistics cache) {}

  /** Compares with a full cache of the given format. */
  public CacheQuality(LlamaModel model, KvType kvType) {
    this.model = model;
    this.kvType = kvType;
  }

  /**
   * Runs a text through every cache.
   *
   * @param tokens the text and the token that follows it
   * @param prompt tokens that are attended before a cache is compressed once, see {@link
   *     io.calidrop.attention.CacheBudget.Compress#ONCE}
   * @param scored first token whose prediction of its successor counts
   * @param caches how the bounded caches are kept
   * @return a result for each of them
   */
  public List<Result> compare(int[] tokens, int prompt, int scored, List<CacheOptions> caches) {
    int count = tokens.length - 1;
    int vocabulary = model.config().vocabulary();
    List<InferenceSession> sessions = new ArrayList<>();
    List<Divergence> divergences = new ArrayList<>();
    try (InferenceSession full = model.newSession(tokens.length, kvType)) {
      for (CacheOptions options : caches) {
        InferenceSession session = model.newSession(tokens.length, options);
        sessions.add(session);
        divergences.add(new Divergence());
        session.expectPrompt(prompt);
      }
      if (scored > 0) {
        model.forward(full, tokens, 0, scored, false);
        for (InferenceSession session : sessions) {
          model.forward(session, tokens, 0, scored, false);
        }
      }
      float[] expected = new float[BATCH * vocabulary];
      for (int from = scored; from < count; from += BATCH) {
        int first = from;
        int to = Math.min(from + BATCH, count);
        model.forward(
            full,
            tokens,
            from,
            to,
            (token, logits, offset) ->
                System.arraycopy(
                    logits, offset, expected, (token - first) * vocabulary, vocabulary));
        for (int i = 0; i < sessions.size(); i++) {
          Divergence divergence = divergences.get(i);
          model.forward(
              sessions.get(i),
              tokens,
              from,
              to,
              (token, logits, offset) ->
                  divergence.add(
                      expected,
                      (token - first) * vocabulary,
                      logits,
                      offset,
                      vocabulary,
                      tokens[token + 1]));
        }
      }
      List<Result> results = new ArrayList<>();
      for (int i = 0; i < sessions.size(); i++) {
        results.add(result(divergences.get(i), sessions.get(i).statistics()));
      }
      return results;
    } finally {
      sessions.forEach(InferenceSession::close);
    }
  }

  private static Result result(Divergence divergence, CacheStatistics statistics) {
    return new Result(
        divergence.mean(),
        divergence.quantile(0.95),
        divergence.equalArgmax(),
        divergence.perplexity(),
        divergence.fullPerplexity(),
        statistics);
  }
}
