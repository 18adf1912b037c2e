package io.calidrop.sampling;

/** One narrowing of the candidates. It leaves at least one. */
@FunctionalInterface
interface CandidateFilter {
  void apply(Candidates candidates);
}
