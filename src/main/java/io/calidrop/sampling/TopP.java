package io.calidrop.sampling;

/**
 * Nucleus sampling (Holtzman et al., arXiv 1904.09751): the fewest most likely tokens whose
 * probabilities reach a sum.
 */
record TopP(double mass) implements CandidateFilter {
  @Override
  public void apply(Candidates candidates) {
    candidates.softmax(1);
    candidates.keepMass(Candidates::logit, mass);
  }
}
