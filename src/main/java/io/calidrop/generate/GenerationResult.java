package io.calidrop.generate;

import io.calidrop.attention.CacheStatistics;

/**
 * What a generation gave and what it cost.
 *
 * @param tokens the generated tokens, without the end token
 * @param seed what repeats the text
 * @param contextUsed positions taken in the context afterwards
 * @param contextLimit most positions, or {@link Integer#MAX_VALUE} with a bounded cache
 * @param draftedTokens tokens that were guessed and computed with others, see {@link Speculation}
 * @param acceptedTokens those of them that were right
 * @param cache what the KV cache holds afterwards
 */
public record GenerationResult(
    String text,
    int[] tokens,
    StopReason stopReason,
    long seed,
    Timings timings,
    int contextUsed,
    int contextLimit,
    int draftedTokens,
    int acceptedTokens,
    CacheStatistics cache) {

  /**
   * Where the time went.
   *
   * @param promptTokens tokens of the prompt that were computed
   * @param reusedTokens tokens of the prompt whose keys and values were still in the cache
   * @param promptNanos time for the computed ones
   * @param firstTokenNanos time from the request to the first token
   * @param decodeTokens tokens computed after the first
   * @param decodeNanos time for those
   */
  public record Timings(
      int promptTokens,
      int reusedTokens,
      long promptNanos,
      long firstTokenNanos,
      int decodeTokens,
      long decodeNanos) {

    /** Tokens of the prompt per second. */
    public double promptRate() {
      return rate(promptTokens, promptNanos);
    }

    /** Generated tokens per second, without the first, which the prompt's pass gave. */
    public double decodeRate() {
      return rate(decodeTokens, decodeNanos);
    }

    private static double rate(int tokens, long nanos) {
      return nanos == 0 ? 0 : tokens * 1e9 / nanos;
    }
  }
}
