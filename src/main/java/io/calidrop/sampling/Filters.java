package io.calidrop.sampling;

/** The filters of the chain: each keeps a part of sorted candidates, at least the likeliest. */
final class Filters {
  private Filters() {}

  /** Keeps the likeliest tokens until they have mass {@code p}. */
  static void topP(Candidates candidates, double p) {
    candidates.softmax();
    double mass = 0;
    for (int i = 0; i < candidates.size; i++) {
      mass += candidates.probabilities[i];
      if (mass >= p) {
        candidates.size = i + 1;
        return;
      }
    }
  }

  /** Keeps tokens at least {@code p} times as probable as the likeliest. */
  static void minP(Candidates candidates, double p) {
    double least = candidates.logits[0] + Math.log(p);
    int kept = 1;
    while (kept < candidates.size && candidates.logits[kept] >= least) {
      kept++;
    }
    candidates.size = kept;
  }

  /**
   * Keeps the tokens whose surprise is nearest to the expected one until they have mass {@code p};
   * their order by likelihood stays.
   *
   * @param deviations [candidates], overwritten
   */
  static void typical(Candidates candidates, double p, double[] deviations) {
    candidates.softmax();
    double entropy = 0;
    for (int i = 0; i < candidates.size; i++) {
      double q = candidates.probabilities[i];
      entropy -= q > 0 ? q * Math.log(q) : 0;
    }
    for (int i = 0; i < candidates.size; i++) {
      double q = candidates.probabilities[i];
      deviations[i] = q > 0 ? Math.abs(-Math.log(q) - entropy) : Double.MAX_VALUE;
    }
    // Deviations fall, then rise with the rank: the nearest ones are a range that grows at its
    // ends.
    int from = 0;
    for (int i = 1; i < candidates.size; i++) {
      if (deviations[i] < deviations[from]) {
        from = i;
      }
    }
    int to = from + 1;
    double mass = candidates.probabilities[from];
    while (mass < p && (from > 0 || to < candidates.size)) {
      boolean lower = to == candidates.size || from > 0 && deviations[from - 1] <= deviations[to];
      mass += candidates.probabilities[lower ? --from : to++];
    }
    int kept = to - from;
    System.arraycopy(candidates.ids, from, candidates.ids, 0, kept);
    System.arraycopy(candidates.logits, from, candidates.logits, 0, kept);
    candidates.size = kept;
  }
}
