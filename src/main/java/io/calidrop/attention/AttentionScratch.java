package io.calidrop.attention;

import io.calidrop.tensor.VectorShape;

/** What one thread needs to attend a tile of queries. */
final class AttentionScratch {
  final AttentionScores attentionScores;

  /** [quads][headDim][4] queries, scaled, and room for packed keys' fields beyond the last one. */
  final float[] queries;

  /** [quads][4][BLOCK] scores, then weights. */
  final float[][] quadScores;

  /** Those of the first quad. */
  final float[] scores;

  /** [4] of a quad's queries with a block: rows they see from, and up to, if there are any. */
  final int[] starts = new int[KvHead.QUAD];

  final int[] limits = new int[KvHead.QUAD];

  /** [4] what scores are lessened by, and what sums so far are multiplied by. */
  final float[] maxima = new float[KvHead.QUAD];

  final float[] factors = new float[KvHead.QUAD];

  /** [BLOCK] biases of calibration rows. */
  final float[] biases = new float[KvHead.BLOCK];

  /** [queries, padded to 4][lanes] sums of weights of the segment. */
  final float[] sums;

  /** The segment's partial results. */
  final SoftmaxPartials segment;

  /** [headDim] a query, rotated as the keys are. */
  final float[] rotated;

  /**
   * [4][BLOCK] sums of products with a group of dimensions of packed keys, or weights times the
   * scales of one of packed values.
   */
  final float[] packed = new float[KvHead.QUAD * KvHead.BLOCK];

  /**
   * The codes of a block of packed keys, or of packed values, and what they were decoded from. Both
   * take turns in the same memory, which so stays in L1.
   */
  final float[] codes;

  /** [groups][BLOCK] scales of keys. */
  final float[] keyScales;

  /** What blocks of {@link NewestRows} are attended with; null in itself. */
  final AttentionScratch rests;

  KeyRows keysOf;
  int keysRow;
  ValueRows valuesOf;
  int valuesRow;
  int valuesCount;

  /** Whether there is more than a quad, for which decoding a block pays. */
  boolean decoding;

  /** KV head of a step's single token whose queries are loaded, or -1 if others are. */
  int loaded;

  /** Queries of the current quad, which only the last of a tile has less than four of. */
  int quadQueries = KvHead.QUAD;

  /**
   * @param maxQueries most queries of a KV head at a time
   */
  AttentionScratch(CacheShape shape, int valueLength, int maxQueries) {
    int headDim = shape.headDim();
    attentionScores = shape.scores();
    int padded = VectorShape.roundUp(maxQueries, KvHead.QUAD);
    int valueDim = ValueRows.valueDim(valueLength);
    queries = new float[padded * headDim + Integer.SIZE];
    quadScores = new float[Math.max(1, padded / KvHead.QUAD)][KvHead.QUAD * KvHead.BLOCK];
    scores = quadScores[0];
    sums = new float[padded * VectorShape.PARTIALS];
    segment = new SoftmaxPartials(padded, valueDim);
    rotated = new float[headDim];
    codes = new float[KvHead.BLOCK * Math.max(headDim, valueDim)];
    keyScales = new float[KvHead.BLOCK * Math.ceilDiv(headDim, RowPacker.GROUP)];
    rests = maxQueries == 0 ? null : new AttentionScratch(shape, valueLength, 0);
  }

  /**
   * Rows may have changed since a block of them was decoded.
   *
   * @param quads that follow
   */
  void start(int quads) {
    keysOf = null;
    valuesOf = null;
    decoding = quads > 1;
    if (rests != null) {
      rests.start(quads);
    }
  }

  /** Takes note of the number of queries of the quad that follows. */
  void quad(int queries) {
    quadQueries = queries;
    if (rests != null) {
      rests.quadQueries = queries;
    }
  }
}
