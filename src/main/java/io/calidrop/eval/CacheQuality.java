package io.calidrop.eval;

import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.CacheStatistics;
import io.calidrop.attention.KvTypes;
import io.calidrop.model.InferenceSession;
import io.calidrop.model.Transformer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What bounded caches lose against the full one on a text: all of them are given the same tokens,
 * and after each the distributions of the next are compared. A prompt is attended once for all of
 * them where they are compressed after it. For one thread at a time.
 */
public final class CacheQuality implements AutoCloseable {
  private static final int BATCH = 64;

  /** Tokens after the prompt that are told apart from later ones. */
  static final int EARLY = 1024;

  /** Most tokens that the full cache generates greedily for others to agree with. */
  private static final int GREEDY_TOKENS = 128;

  private final Transformer model;
  private final TextWindow window;
  private final SessionSource source;
  private InferenceSession full; // at the first scored token
  private final NextTokens expected;
  private final int[] greedy; // the first scored token and the full cache's continuation

  /**
   * The outcome for one cache.
   *
   * @param divergence mean Kullback-Leibler divergence from the full cache, nats a token
   * @param early the same over the first {@link #EARLY} tokens after the prompt
   * @param late the same over later ones, NaN where there are none
   * @param divergence95 its 95th percentile over tokens
   * @param equalArgmax share of tokens with the same likeliest next token
   * @param agreement tokens that greedy generation has in common with the full cache's, at most 128
   * @param perplexity of the text
   * @param fullPerplexity the same with the full cache
   * @param cache what the cache held at the end
   */
  public record Result(
      double divergence,
      double early,
      double late,
      double divergence95,
      double equalArgmax,
      int agreement,
      double perplexity,
      double fullPerplexity,
      CacheStatistics cache) {}

  /**
   * Compares with a full cache of the given format.
   *
   * @param caches all that will be compared
   */
  public CacheQuality(
      Transformer model, KvTypes kvTypes, TextWindow window, List<CacheOptions> caches) {
    this.model = model;
    this.window = window;
    int context = window.tokens().length + GREEDY_TOKENS;
    source =
        new SessionSource(
            model, context, window.tokens(), window.scored(), window.once(), kvTypes, caches);
    full = source.open(CacheOptions.full(kvTypes));
    expected = new NextTokens(BATCH, model.config().vocabulary());
    greedy = greedyTokens();
  }

  private int[] greedyTokens() {
    int[] tokens = new int[GREEDY_TOKENS + 1];
    tokens[0] = window.tokens()[window.scored()];
    for (int i = 0; i < GREEDY_TOKENS; i++) {
      float[] logits = model.forward(full, tokens, i, i + 1, true);
      tokens[i + 1] = NextTokens.argmax(logits, 0, model.config().vocabulary());
    }
    full = source.back(full);
    return tokens;
  }

  /**
   * Perplexity of the scored tokens with no context before them at all, in the full cache's format.
   */
  public double perplexityWithoutContext() {
    int[] tokens = Arrays.copyOfRange(window.tokens(), window.scored(), window.tokens().length);
    double[] loss = {0};
    try (InferenceSession session = model.newSession(tokens.length, full.cacheOptions())) {
      model.forward(
          session,
          tokens,
          0,
          tokens.length - 1,
          (token, logits, offset) ->
              loss[0] +=
                  NextTokens.logSumExp(logits, offset, model.config().vocabulary())
                      - logits[offset + tokens[token + 1]]);
    }
    return Math.exp(loss[0] / (tokens.length - 1));
  }

  /** A result for each of some caches; together they share the full cache's predictions. */
  public List<Result> compare(List<CacheOptions> caches) {
    List<InferenceSession> sessions = new ArrayList<>();
    try {
      List<Divergence> divergences = new ArrayList<>();
      List<Integer> agreements = new ArrayList<>();
      for (CacheOptions options : caches) {
        InferenceSession session = source.open(options);
        sessions.add(session);
        divergences.add(new Divergence());
        agreements.add(agreement(session));
      }
      score(sessions, divergences);
      List<Result> results = new ArrayList<>();
      for (int i = 0; i < sessions.size(); i++) {
        CacheStatistics statistics = sessions.get(i).statistics();
        results.add(result(divergences.get(i), agreements.get(i), statistics));
      }
      return results;
    } finally {
      sessions.forEach(InferenceSession::close);
    }
  }

  /**
   * How long a session would generate what the full cache does. The same bits come out in one batch
   * and token by token, so the first prediction that differs is where they part.
   */
  private int agreement(InferenceSession session) {
    int vocabulary = model.config().vocabulary();
    int[] agreed = {GREEDY_TOKENS};
    try (InferenceSession fork = model.fork(session)) {
      model.forward(
          fork,
          greedy,
          0,
          GREEDY_TOKENS,
          (token, logits, offset) -> {
            if (NextTokens.argmax(logits, offset, vocabulary) != greedy[token + 1]) {
              agreed[0] = Math.min(agreed[0], token);
            }
          });
    }
    return agreed[0];
  }

  private void score(List<InferenceSession> sessions, List<Divergence> divergences) {
    int[] tokens = window.tokens();
    for (int from = window.scored(); from < window.count(); from += BATCH) {
      int first = from;
      int to = Math.min(from + BATCH, window.count());
      model.forward(
          full,
          tokens,
          from,
          to,
          (token, logits, offset) ->
              expected.set(token - first, logits, offset, tokens[token + 1]));
      for (int i = 0; i < sessions.size(); i++) {
        Divergence divergence = divergences.get(i);
        model.forward(
            sessions.get(i),
            tokens,
            from,
            to,
            (token, logits, offset) ->
                divergence.add(expected, token - first, logits, offset, tokens[token + 1]));
      }
    }
    full = source.back(full);
  }

  private static Result result(Divergence divergence, int agreement, CacheStatistics statistics) {
    return new Result(
        divergence.mean(),
        divergence.mean(0, EARLY),
        divergence.mean(EARLY, Integer.MAX_VALUE),
        divergence.quantile(0.95),
        divergence.equalArgmax(),
        agreement,
        divergence.perplexity(),
        divergence.fullPerplexity(),
        statistics);
  }

  @Override
  public void close() {
    full.close();
  }
}
