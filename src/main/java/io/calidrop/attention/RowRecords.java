package io.calidrop.attention;

import static io.calidrop.attention.ByteViews.LONG;
import static io.calidrop.attention.KvHead.BLOCK;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * Rows of one KV head one after the other, each as {@link ValueRows#saveRow} writes its key and its
 * value, in pages of {@link KvHead#BLOCK} of a {@link PageMemory}.
 */
final class RowRecords {
  private static final ValueLayout.OfLong NUMBER =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final PageMemory memory;
  private final int rowBytes;
  private final List<MemorySegment> pages = new ArrayList<>();

  RowRecords(PageMemory memory, int rowBytes) {
    this.memory = memory;
    this.rowBytes = rowBytes;
  }

  /** Bytes of a row. */
  int rowBytes() {
    return rowBytes;
  }

  /** Pages that there is memory for. */
  int pages() {
    return pages.size();
  }

  /** Allocates pages up to {@code page}; false where there is no memory for them. */
  boolean reach(int page) {
    while (pages.size() <= page) {
      MemorySegment next = memory.allocate((long) BLOCK * rowBytes);
      if (next == null) {
        return false;
      }
      pages.add(next);
    }
    return true;
  }

  /** Writes rows {@code [first, first + count)} of a page. */
  void write(int page, int first, int count, byte[] records) {
    MemorySegment.copy(
        records, 0, pages.get(page), JAVA_BYTE, (long) first * rowBytes, count * rowBytes);
  }

  /** Reads a page. */
  void read(int page, byte[] records) {
    MemorySegment.copy(pages.get(page), JAVA_BYTE, 0, records, 0, BLOCK * rowBytes);
  }

  /**
   * Copies a row by numbers, the last of which may overlap: a call takes longer than the copy.
   * Vectors that are read from a segment C2 leaves boxed in some processes.
   */
  void copy(int row, byte[] to, int at) {
    MemorySegment from = pages.get(row / BLOCK);
    int offset = row % BLOCK * rowBytes;
    int last = rowBytes - Long.BYTES;
    if (last < 0) {
      MemorySegment.copy(from, JAVA_BYTE, offset, to, at, rowBytes);
      return;
    }
    for (int i = 0; i < last; i += Long.BYTES) {
      LONG.set(to, at + i, from.get(NUMBER, offset + i));
    }
    LONG.set(to, at + last, from.get(NUMBER, offset + last));
  }

  String trouble() {
    return memory.trouble();
  }

  /** Allocated bytes. */
  long bytes() {
    return (long) pages.size() * BLOCK * rowBytes;
  }
}
