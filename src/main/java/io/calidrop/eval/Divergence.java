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
   * @param full logits [vocabulary] with the full cache
   * @param other logits with the other one
   * @param next the token that followed in the text
   */
  void add(float[] full, int fullOffset, float[] other, int otherOffset, int vocabulary, int next) {
    double fullNorm = logSumExp(full, fullOffset, vocabulary);
    double otherNorm = logSumExp(other, otherOffset, vocabulary);
    double divergence = 0;
    int fullBest = 0;
    int otherBest = 0;
    for (int i = 0; i < vocabulary; i++) {
      float f = full[fullOffset + i];
      float o = other[otherOffset + i];
      double log = f - fullNorm;
      divergence += Math.exp(log) * (log - (o - otherNorm));
      fullBest = f > full[fullOffset + fullBest] ? i : fullBest;
      otherBest = o > other[otherOffset + otherBest] ? i : otherBest;
    }
    if (count == divergences.length) {
      divergences = Arrays.copyOf(divergences, 2 * count);
    }
    divergences[count++] = divergence;
    equalArgmax += fullBest == otherBest ? 1 : 0;
    fullLoss += fullNorm - full[fullOffset + next];
    loss += otherNorm - other[otherOffset + next];
  }

  private static double logSumExp(float[] x, int offset, int n) {
    float max = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < n; i++) {
      max = Math.max(max, x[offset + i]);
    }
    double sum = 0;
    for (int i = 0; i < n; i++) {
      sum += Math.exp(x[offset + i] - max);
    }
    return max + Math.log(sum);
  }

  /** Mean Kullback-Leibler divergence of the full cache's distribution from the other, in nats. */
  double mean() {
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += divergences[i];
    }
    return sum / count;
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
