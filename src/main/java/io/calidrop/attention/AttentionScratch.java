package io.calidrop.attention;

import io.calidrop.tensor.VectorShape;

/** What one thread needs to attend a tile of queries. */
final class AttentionScratch {
  final AttentionScores attentionScores;

  /** [quads][headDim][4] queries, scaled, and room for packed keys' fields beyond the last one. */
  final float[] queries;

  /** [4][BLOCK] scores, then weights. */
  final float[] scores = new float[KvHead.QUAD * KvHead.BLOCK];

  /** [queries, padded to 4][lanes] sums of weights of the segment. */
  final float[] sums;

  /** The segment's partial results. */
  final SoftmaxPartials segment;

  /** [headDim] a query, rotated as the keys are. */
  final float[] rotated;

  /**
   * [groups of 32 dimensions][4][BLOCK] sums of products with packed keys, or weights times the
   * scales of packed values.
   */
  final float[] packed;

  /** What was read to have it in the cache, see {@link PackedKeys#fetch}: it keeps the reads. */
  int fetched;

  /** KV head whose queries of a single token are loaded, or -1. */
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
    sums = new float[padded * VectorShape.LANES];
    segment = new SoftmaxPartials(padded, valueDim);
    rotated = new float[headDim];
    int groups = Math.ceilDiv(Math.max(headDim, valueDim), RowPacker.GROUP);
    packed = new float[groups * KvHead.QUAD * KvHead.BLOCK];
  }
}
