package io.calidrop.attention;

import static io.calidrop.tensor.VectorShape.LANES;

import io.calidrop.tensor.VectorShape;
import java.lang.foreign.MemorySegment;

/**
 * Keys and values that one KV head of one layer has cached, in dense pages of {@link #BLOCK} rows:
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

  /** Rows of a page and of a kernel call, a multiple of the tile at every vector width. */
  static final int BLOCK = 64;

  /** Dimensions of a key. */
  final int headDim;

  /** Dimensions of a value. */
  final int valueLength;

  /** Length of a stored value: its dimensions, rounded up to two vectors. */
  final int valueDim;

  private int rows;
  private int pages;

  KvHead(int headDim, int valueLength) {
    this.headDim = headDim;
    this.valueLength = valueLength;
    this.valueDim = valueDim(valueLength);
  }

  /** Length of a stored value of {@code valueLength} dimensions. */
  static int valueDim(int valueLength) {
    return VectorShape.roundUp(valueLength, 2 * LANES);
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
    while (pages * BLOCK < rows) {
      pages++;
      addPage();
    }
  }

  /** Drops every row from {@code rows} on. */
  final void truncate(int rows) {
    this.rows = Math.min(rows, this.rows);
  }

  /** Drops the first {@code count} rows, a multiple of the page; the others move to the front. */
  final void dropFirst(int count) {
    rows -= count;
    for (int dropped = 0; dropped < count; dropped += BLOCK) {
      pages--;
      removePage(0);
    }
  }

  /** Frees the pages beyond those that {@code rows} rows need. */
  final void release(int rows) {
    int needed = Math.ceilDiv(Math.max(rows, this.rows), BLOCK);
    for (; pages > needed; pages--) {
      removePage(pages - 1);
    }
  }

  /**
   * Sets a row. Different rows may be set by different threads at the same time.
   *
   * @param key holds the rotated key [headDim] at {@code keyOffset}
   * @param value holds the value [valueLength] at {@code valueOffset}
   */
  final void set(int row, float[] key, int keyOffset, float[] value, int valueOffset) {
    setKey(row, key, keyOffset);
    setValue(row, value, valueOffset);
  }

  /** Carries the rows in use, as they are stored at this width of vectors. */
  final void transfer(StateTransfer state, int most) {
    int count = state.count("rows", rows, most);
    if (state.reading()) {
      truncate(0);
      extend(count);
      release(count);
    }
    long[] page = new long[pageBytes() / Long.BYTES];
    MemorySegment segment = MemorySegment.ofArray(page);
    for (int p = 0; p * BLOCK < count; p++) {
      if (!state.reading()) {
        save(p, segment, 0);
      }
      state.longs(page, page.length);
      if (state.reading()) {
        load(p, segment, 0);
      }
    }
  }

  /** Takes over all rows of a head of the same format and dimensions. */
  final void copyFrom(KvHead other) {
    truncate(0);
    extend(other.rows);
    MemorySegment page = MemorySegment.ofArray(new long[pageBytes() / Long.BYTES]);
    for (int p = 0; p * BLOCK < rows; p++) {
      other.save(p, page, 0);
      load(p, page, 0);
    }
  }

  /** Allocated bytes. */
  final long bytes() {
    return (long) pages * pageBytes();
  }

  /** Allocates another page. */
  abstract void addPage();

  /** Frees a page; those after it move to the front. */
  abstract void removePage(int page);

  /** Bytes of a page, and of what {@link #save} writes. */
  abstract int pageBytes();

  abstract void setKey(int row, float[] key, int offset);

  abstract void setValue(int row, float[] value, int offset);

  /** Decodes a key to {@code out[offset ..]} [headDim]. */
  abstract void getKey(int row, float[] out, int offset);

  /** Decodes a value to {@code out[offset ..]} [valueLength]. */
  abstract void getValue(int row, float[] out, int offset);

  /** Copies a row, as it is stored, over another. */
  abstract void move(int from, int to);

  /** Copies a page to memory, as it is stored. */
  abstract void save(int page, MemorySegment to, long offset);

  /** Overwrites a page with one that {@link #save} wrote. */
  abstract void load(int page, MemorySegment from, long offset);

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
