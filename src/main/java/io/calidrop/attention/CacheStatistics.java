package io.calidrop.attention;

/**
 * What a cache holds, tier by tier, and what was done to keep it so.
 *
 * @param seen tokens that the sequence has had
 * @param kept retained rows per KV head, on average
 * @param stored evicted rows per KV head that can be read again, on average
 * @param folded evicted rows per KV head that cannot: calibration stands in for them, if any does
 * @param calibrationRows rows per KV head that stand for evicted tokens, on average
 * @param activeBytes keys and values, with the slack between prunes and what policies keep
 * @param calibrationBytes calibration rows or references, and the ring of queries
 * @param storedBytes keys and values of the store
 * @param sketchBytes what is known of stored rows without reading them
 * @param hotBytes of these, a copy in memory of what was last read of a file
 * @param hotHits how often a block of the file was there when it was wanted
 * @param hotMisses how often it was not
 * @param looks how often a KV head, or a query head with a reference, met evicted rows
 * @param recomputed stored rows that were read then, all looks together
 * @param skipped evicted rows that were not and that nothing stood in for
 * @param calibrated evicted rows that calibration rows or a reference stood in for
 * @param meanSimilarity mean cosine between queries and their references, 0 without any
 * @param prunes how often the cache was pruned
 * @param pruneNanos time for scoring, pruning and folding
 * @param storeTrouble why the store cannot grow though it may, and what follows, as the end of a
 *     sentence; or why it is lost; or nothing
 */
public record CacheStatistics(
    long seen,
    double kept,
    double stored,
    double folded,
    double calibrationRows,
    long activeBytes,
    long calibrationBytes,
    long storedBytes,
    long sketchBytes,
    long hotBytes,
    long hotHits,
    long hotMisses,
    long looks,
    long recomputed,
    long skipped,
    long calibrated,
    double meanSimilarity,
    long prunes,
    long pruneNanos,
    String storeTrouble) {

  /** Of a cache that evicts nothing, or only what left a window. */
  static CacheStatistics of(long seen, double kept, long bytes) {
    return new CacheStatistics(
        seen, kept, 0, 0, 0, bytes, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "");
  }

  /** With the keys and values of layers that see a window. */
  CacheStatistics plusBytes(long bytes) {
    return new CacheStatistics(
        seen,
        kept,
        stored,
        folded,
        calibrationRows,
        activeBytes + bytes,
        calibrationBytes,
        storedBytes,
        sketchBytes,
        hotBytes,
        hotHits,
        hotMisses,
        looks,
        recomputed,
        skipped,
        calibrated,
        meanSimilarity,
        prunes,
        pruneNanos,
        storeTrouble);
  }

  /** Bytes of all tiers. */
  public long bytes() {
    return activeBytes + calibrationBytes + storedBytes + sketchBytes + hotBytes;
  }

  /** Share of the wanted blocks of a file that were in memory. */
  public double hotShare() {
    return hotHits == 0 ? 0 : (double) hotHits / (hotHits + hotMisses);
  }

  /** Evicted rows of a kind that a look met on average: of {@link #recomputed} and its like. */
  public double perLook(long rows) {
    return looks == 0 ? 0 : (double) rows / looks;
  }
}
