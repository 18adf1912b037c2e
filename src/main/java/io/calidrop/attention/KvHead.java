package io.calidrop.attention;

import static io.calidrop.tensor.VectorShape.LANES;

import io.calidrop.tensor.VectorShape;

/**
 * Keys and values that one KV head of one layer has cached, in dense pages of {@link #PAGE} rows:
 * it grows without copying, and by little more than it needs.
 *
 * <p>Keys are stored in tiles of {@link #TILE} rows with the rows across the vector lanes, so that
 * scores need no horizontal sums; values are stored row by row, as the weighted sum needs them.
 * Attention computes with four queries at a time: each decoded vector serves eight multiply-adds.
 */
abstract sealed class KvHead permits F16KvHead, F32KvHead, Q8KvHead {
  /** Queries that a kernel takes at a time. */
  static final int QUAD = 4;

  /** Rows whose keys lie across vector lanes: two vectors of them. */
  static final int TILE = 2 * LANES;

  /** Rows that a kernel call covers, a multiple of the tile at every vector width. */
  static final int BLOCK = 64;

  /** Rows of a page. */
  static final int PAGE = 256;

  final int headDim;

  /** Length of a stored value: the head's dimensions, rounded up to two vectors. */
  final int valueDim;

  private int rows;
  private int pages;

  KvHead(int headDim) {
    this.headDim = headDim;
    this.valueDim = VectorShape.roundUp(headDim, 2 * LANES);
  }

  /** Rows in use. */
  final int rows() {
    return rows;
  }

  /**
   * Makes room for {@code count} more rows and takes them into use; their contents are set by
   * {@link #set}.
   */
  final void extend(int count) {
    rows += count;
    while (pages * PAGE < rows) {
      pages++;
      addPage();
    }
  }

  /** Drops every row from {@code rows} on. */
  final void truncate(int rows) {
    this.rows = Math.min(rows, this.rows);
  }

  /** Allocates another page. */
  abstract void addPage();

  /**
   * Sets a row. Different rows may be set by different threads at the same time.
   *
   * @param key holds the rotated key [headDim] at {@code keyOffset}
   * @param value holds the value [headDim] at {@code valueOffset}
   */
  abstract void set(int row, float[] key, int keyOffset, float[] value, int valueOffset);

  /** Allocated bytes. */
  abstract long bytes();

  /** What a query must be multiplied by before {@link #scores}. */
  abstract float queryScale();

  /** What a weight must be multiplied by before {@link #accumulate}. */
  abstract float weightScale();

  /**
   * Scores of four queries with the keys of {@link #BLOCK} rows.
   *
   * @param row the first row, a multiple of BLOCK
   * @param queries holds [headDim][4] query values at {@code queryOffset}
   * @param scores [4][BLOCK], overwritten; rows beyond those in use get meaningless scores
   */
  abstract void scores(
      int row, float[] queries, int queryOffset, float[] scores, AttentionScratch scratch);

  /**
   * Adds the weighted values of rows {@code [row, row + count)} to four accumulators.
   *
   * @param weights [4][BLOCK]
   * @param out holds [4][valueDim] at {@code offset}
   */
  abstract void accumulate(
      int row, int count, float[] weights, float[] out, int offset, AttentionScratch scratch);
}
