package io.calidrop.attention;

import java.lang.foreign.MemorySegment;

/**
 * The keys or the values that one KV head has cached, in pages of {@link KvHead#BLOCK} rows. What
 * goes in and comes out is a row as the model has it; how it lies in a page is the format's matter.
 */
abstract sealed class RowStore permits KeyRows, ValueRows {
  /** Where the rows lie. */
  abstract Pages<?> pages();

  /** Bytes of a page, and of what {@link #save} writes. */
  abstract int pageBytes();

  /**
   * Sets a row from {@code x[offset ..]}. Different rows may be set by different threads at the
   * same time.
   */
  abstract void set(int row, float[] x, int offset);

  /** Decodes a row to {@code out[offset ..]}. */
  abstract void get(int row, float[] out, int offset);

  /** Copies a row, as it is stored, over another. */
  abstract void move(int from, int to);

  /** Copies a page to memory, as it is stored. */
  abstract void save(int page, MemorySegment to, long offset);

  /** Overwrites a page with one that {@link #save} wrote. */
  abstract void load(int page, MemorySegment from, long offset);
}
