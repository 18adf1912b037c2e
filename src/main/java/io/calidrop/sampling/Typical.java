package io.calidrop.sampling;

/**
 * Locally typical sampling (Meister et al., arXiv 2202.00666): the fewest tokens, those whose
 * surprise is nearest to the entropy first, whose probabilities reach a sum.
 */
final class Typical implements CandidateFilter {
  private final double mass;
  private final Candidates.Score nearness = this::nearness;
  private double entropy; // of the current distribution, in nats

  Typical(double mass) {
    this.mass = mass;
  }

  @Override
  public void apply(Candidates candidates) {
    candidates.softmax(1);
    entropy = 0;
    for (int i = 0; i < candidates.size(); i++) {
      double p = candidates.probability(i);
      entropy -= p > 0 ? p * StrictMath.log(p) : 0;
    }
    candidates.keepMass(nearness, mass);
  }

  private float nearness(Candidates candidates, int i) {
    return (float) -Math.abs(StrictMath.log(candidates.probability(i)) + entropy);
  }
}
