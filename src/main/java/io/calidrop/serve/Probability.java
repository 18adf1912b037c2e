package io.calidrop.serve;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;

/**
 * How likely a token was where it stands.
 *
 * @param logarithm natural, of its probability
 * @param others the likeliest tokens, the most likely first
 */
record Probability(int token, double logarithm, List<Probability> others) {
  private static final Comparator<Probability> LIKELIEST =
      Comparator.comparingDouble(Probability::logarithm)
          .reversed()
          .thenComparingInt(Probability::token);

  /**
   * A token among all.
   *
   * @param top how many of the likeliest are wanted
   */
  static Probability of(int token, float[] logits, int top) {
    double max = Double.NEGATIVE_INFINITY;
    for (float logit : logits) {
      max = Math.max(max, logit);
    }
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit - max);
    }
    double all = max + Math.log(sum);
    PriorityQueue<Probability> likeliest = new PriorityQueue<>(LIKELIEST.reversed());
    for (int id = 0; top > 0 && id < logits.length; id++) {
      if (likeliest.size() < top || logits[id] - all > likeliest.peek().logarithm) {
        likeliest.add(new Probability(id, logits[id] - all, List.of()));
        if (likeliest.size() > top) {
          likeliest.poll();
        }
      }
    }
    List<Probability> others = new ArrayList<>(likeliest);
    others.sort(LIKELIEST);
    return new Probability(token, logits[token] - all, others);
  }
}
