package io.calidrop.eval;

import java.util.Arrays;

/** Differences between next-token distributions, added up token by token. */
final class Divergence {
  private double[] divergences = new double[256]; // [count]
  private int count;
  private int equalArgmax;
  private double loss;
  private double fullLoss;

  /**
   * Adds a token.
   *
   * @param position of {@code full}
   * @param logits with the other cache, [vocabulary] at {@code offset}
   * @param next the token that followed in the text
   */
  void add(NextTokens full, int position, float[] logits, int offset, int next) {
    int vocabulary = full.vocabulary();
    double norm = NextTokens.logSumExp(logits, offset, vocabulary);
    if (count == divergences.length) {
      divergences = Arrays.copyOf(divergences, 2 * count);
    }
    divergences[count++] = full.divergence(position, logits, offset, norm);
    equalArgmax += full.best(position) == NextTokens.argmax(logits, offset, vocabulary) ? 1 : 0;
    fullLoss += full.loss(position);
    loss += norm - logits[offset + next];
  }

  /** Mean Kullback-Leibler divergence of the full cache's distribution from the other, in nats. */
  double mean() {
    return mean(0, count);
  }

  /** The same over tokens {@code [from, to)}; NaN for none. */
  double mean(int from, int to) {
    int end = Math.min(to, count);
    return from < end ? Arrays.stream(divergences, from, end).sum() / (end - from) : Double.NaN;
  }

  /** A quantile of the tokens' divergences. */
  double quantile(double share) {
    double[] sorted = Arrays.copyOf(divergences, count);
    Arrays.sort(sorted);
    return sorted[(int) Math.min(count - 1, Math.floor(share * count))];
  }

  /** Share of tokens for which both think the same next token likeliest. */
  double equalArgmax() {
    return (double) equalArgmax / count;
  }

  double perplexity() {
    return Math.exp(loss / count);
  }

  double fullPerplexity() {
    return Math.exp(fullLoss / count);
  }
}
