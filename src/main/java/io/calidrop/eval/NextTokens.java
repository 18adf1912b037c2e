package io.calidrop.eval;

/**
 * What the full cache says of the next token at some positions of a text. For one thread at a time.
 */
public final class NextTokens {
  private final int vocabulary;
  private final double[] probabilities; // [positions][vocabulary]
  private final double[] entropies; // [positions], negative: sum p log p
  private final double[] losses; // [positions]
  private final int[] best; // [positions]

  NextTokens(int positions, int vocabulary) {
    this.vocabulary = vocabulary;
    probabilities = new double[positions * vocabulary];
    entropies = new double[positions];
    losses = new double[positions];
    best = new int[positions];
  }

  /**
   * Sets a position.
   *
   * @param logits [vocabulary] at {@code offset}
   * @param next the token that followed in the text
   */
  void set(int position, float[] logits, int offset, int next) {
    double norm = logSumExp(logits, offset, vocabulary);
    double entropy = 0;
    int o = position * vocabulary;
    for (int i = 0; i < vocabulary; i++) {
      double log = logits[offset + i] - norm;
      double p = Math.exp(log);
      probabilities[o + i] = p;
      entropy += p * log;
    }
    entropies[position] = entropy;
    losses[position] = norm - logits[offset + next];
    best[position] = argmax(logits, offset, vocabulary);
  }

  /** Kullback-Leibler divergence in nats from a position's distribution to that of logits. */
  double divergence(int position, float[] logits, int offset, double norm) {
    double cross = 0;
    int o = position * vocabulary;
    for (int i = 0; i < vocabulary; i++) {
      cross += probabilities[o + i] * logits[offset + i];
    }
    return Math.max(0, entropies[position] + norm - cross);
  }

  int vocabulary() {
    return vocabulary;
  }

  double loss(int position) {
    return losses[position];
  }

  int best(int position) {
    return best[position];
  }

  /** Index of the largest of {@code x[offset, offset + n)} relative to the offset, the first. */
  public static int argmax(float[] x, int offset, int n) {
    int best = 0;
    for (int i = 1; i < n; i++) {
      best = x[offset + i] > x[offset + best] ? i : best;
    }
    return best;
  }

  static double logSumExp(float[] x, int offset, int n) {
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
}
