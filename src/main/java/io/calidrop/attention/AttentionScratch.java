package io.calidrop.attention;

import io.calidrop.tensor.VectorShape;

/** What one thread needs to attend a tile of queries. */
final class AttentionScratch {
  /** Dimensions of a key that are decoded together, perhaps beyond its last. */
  private static final int MOST_FIELDS = 8;

  final AttentionScores attentionScores;

  /** [quads][headDim][4] queries, scaled. */
  final float[] queries;

  /** [4][BLOCK] scores, then weights. */
  final float[] scores = new float[KvHead.QUAD * KvHead.BLOCK];

  /** [queries, padded to 4][lanes] sums of weights of the segment. */
  final float[] sums;

  /** The segment's partial results. */
  final SoftmaxPartials segment;

  /** [headDim] a query, rotated as the keys are. */
  final float[] rotated;

  /** A decoded block of a quantised cache and what it was decoded from. */
  final float[] keys;

  /** [TILE] decoded scales of a quantised tile. */
  final float[] keyScales = new float[KeyRows.TILE];

  final float[] values;

  /** What blocks of {@link NewestRows} are attended with; null in itself. */
  final AttentionScratch rests;

  KeyRows keysOf;
  int keysRow;
  ValueRows valuesOf;
  int valuesRow;
  int valuesCount;

  /**
   * @param maxQueries most queries of a KV head at a time
   */
  AttentionScratch(CacheShape shape, int valueLength, int maxQueries) {
    int headDim = shape.headDim();
    attentionScores = shape.scores();
    int padded = VectorShape.roundUp(maxQueries, KvHead.QUAD);
    int valueDim = ValueRows.valueDim(valueLength);
    queries = new float[padded * headDim];
    sums = new float[padded * VectorShape.LANES];
    segment = new SoftmaxPartials(padded, valueDim);
    rotated = new float[headDim];
    keys = new float[KvHead.BLOCK * headDim + MOST_FIELDS * KeyRows.TILE];
    values = new float[KvHead.BLOCK * valueDim];
    rests = maxQueries == 0 ? null : new AttentionScratch(shape, valueLength, 0);
  }

  /** Rows may have changed since a block of them was decoded. */
  void forgetDecoded() {
    keysOf = null;
    valuesOf = null;
    if (rests != null) {
      rests.forgetDecoded();
    }
  }
}
