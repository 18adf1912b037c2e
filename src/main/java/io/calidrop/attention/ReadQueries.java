package io.calidrop.attention;

/**
 * Queries of a prompt's second reading, evenly spaced: what the first calibration rows are fitted
 * on, in place of the few at the prompt's end.
 *
 * @param ring of the queries
 * @param tokens that were read
 */
record ReadQueries(QueryRing ring, long tokens) {
  /** Most tokens of which they are. */
  static final int SAMPLES = 170;

  /**
   * Of a prompt of {@code tokens} tokens; with instructions and overlaps some more are read, and
   * the first of them drop out.
   */
  static ReadQueries of(long tokens, CacheShape shape, KvTypes types) {
    int window = (int) Math.max(SAMPLES, tokens);
    boolean single = types.keys() == KvType.F32;
    return new ReadQueries(
        new QueryRing(window, SAMPLES, shape.group(), shape.headDim(), single), 0);
  }

  /**
   * Takes the query of a head at a token of the next {@code count}, if it is one of those wanted.
   */
  void put(int token, int count, int position, int head, float[] q, int offset, float logSumExp) {
    long index = tokens + token;
    if (ring.keeps(index, count - token - 1)) {
      ring.put(index, position, head, q, offset, logSumExp);
    }
  }

  /** After so many more tokens. */
  ReadQueries plus(long more) {
    return new ReadQueries(ring, tokens + more);
  }
}
