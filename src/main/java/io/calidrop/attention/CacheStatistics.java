package io.calidrop.attention;

/**
 * What a cache holds and what was done to keep it so.
 *
 * @param seen tokens that the sequence has had
 * @param kept retained rows per KV head, on average
 * @param calibrationRows rows per KV head that stand for evicted tokens, on average
 * @param activeBytes keys and values, with the slack between prunes and what policies keep
 * @param calibrationBytes calibration rows or references, and the ring of queries
 * @param evictedBytes evicted tokens that stay for recomputing
 * @param calibrations queries of a head that used their reference again
 * @param recomputations queries of a head that attended the evicted tokens
 * @param skips queries of a head that went without them
 * @param meanSimilarity mean cosine between queries and their references, 0 without any
 * @param prunes how often the cache was pruned
 * @param pruneNanos time for scoring, pruning and folding
 */
public record CacheStatistics(
    long seen,
    double kept,
    double calibrationRows,
    long activeBytes,
    long calibrationBytes,
    long evictedBytes,
    long calibrations,
    long recomputations,
    long skips,
    double meanSimilarity,
    long prunes,
    long pruneNanos) {

  /** With the keys and values of layers that see a window. */
  CacheStatistics plusBytes(long bytes) {
    return new CacheStatistics(
        seen,
        kept,
        calibrationRows,
        activeBytes + bytes,
        calibrationBytes,
        evictedBytes,
        calibrations,
        recomputations,
        skips,
        meanSimilarity,
        prunes,
        pruneNanos);
  }

  /** Bytes of all three kinds. */
  public long bytes() {
    return activeBytes + calibrationBytes + evictedBytes;
  }
}
