package io.calidrop.attention;

import static io.calidrop.tensor.VectorShape.LANES;

/**
 * Keys in tiles of {@link #TILE} rows with the rows across the vector lanes, so that scores need no
 * horizontal sums.
 */
abstract sealed class KeyRows extends RowStore permits F32Keys, F16Keys, PackedKeys {
  /** Rows whose keys lie across vector lanes: two vectors of them. */
  static final int TILE = 2 * LANES;

  /** Dimensions of a key. */
  final int headDim;

  KeyRows(int headDim) {
    this.headDim = headDim;
  }

  /** What a query must be rotated by before {@link #scores}: keys are stored rotated by it. */
  Hadamard rotation() {
    return Hadamard.NONE;
  }

  /** What a query must be multiplied by before {@link #scores}. */
  abstract float queryScale();

  /** See {@link KvHead#scores}. */
  abstract void scores(
      int row, float[] queries, int queryOffset, float[] scores, AttentionScratch scratch);
}
