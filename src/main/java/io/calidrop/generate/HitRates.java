package io.calidrop.generate;

/** How often guesses of some kinds were right, the latest ones above all. */
final class HitRates {
  private static final double PRIOR_WEIGHT = 4; // guesses
  private static final double DECAY = 0.97;

  private final double[] prior;
  private final double[] hits;
  private final double[] guesses;

  /**
   * @param prior [kinds] what is expected before any guess
   */
  HitRates(double... prior) {
    this.prior = prior;
    hits = new double[prior.length];
    guesses = new double[prior.length];
  }

  void add(int kind, boolean hit) {
    hits[kind] = DECAY * hits[kind] + (hit ? 1 : 0);
    guesses[kind] = DECAY * guesses[kind] + 1;
  }

  double of(int kind) {
    return (PRIOR_WEIGHT * prior[kind] + hits[kind]) / (PRIOR_WEIGHT + guesses[kind]);
  }
}
