package io.calidrop.sampling;

/**
 * Min-p sampling (Nguyen et al., arXiv 2407.01082): the tokens at least {@code ratio} times as
 * likely as the likeliest.
 */
record MinP(double ratio) implements CandidateFilter {
  @Override
  public void apply(Candidates candidates) {
    candidates.keepLogitsFrom(candidates.maxLogit() + StrictMath.log(ratio));
  }
}
