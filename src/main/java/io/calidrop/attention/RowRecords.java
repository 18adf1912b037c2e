package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Rows of one KV head one after the other, each as {@link ValueRows#encodeRow} writes its key and
 * its value, in pages of {@link KvHead#BLOCK} of a {@link PageMemory}: first those in RAM, then
 * those in its file, which are read block by block. Threads may copy rows side by side.
 */
final class RowRecords {
  private final PageMemory memory;
  private final int rowBytes;
  private final HotBlocks hot;
  private final List<MemorySegment> inRam = new ArrayList<>();
  private long[] inFile = {}; // where the pages after those begin
  private int pages;

  /**
   * @param hotBytes most that blocks of a file take in memory
   */
  RowRecords(PageMemory memory, int rowBytes, long hotBytes) {
    this.memory = memory;
    this.rowBytes = rowBytes;
    hot = new HotBlocks(memory, HotBlocks.ROWS * rowBytes, hotBytes);
  }

  /** Bytes of a row. */
  int rowBytes() {
    return rowBytes;
  }

  /** Pages that there is room for. */
  int pages() {
    return pages;
  }

  /** Makes room for pages up to {@code page}; false where there is none. */
  boolean reach(int page) {
    while (pages <= page) {
      MemorySegment segment = memory.allocate((long) BLOCK * rowBytes);
      if (segment != null) {
        inRam.add(segment);
      } else {
        long at = memory.allocateInFile((long) BLOCK * rowBytes);
        if (at < 0) {
          return false;
        }
        int index = pages - inRam.size();
        if (index == inFile.length) {
          inFile = Arrays.copyOf(inFile, index + index / 4 + BLOCK);
        }
        inFile[index] = at;
      }
      pages++;
    }
    return true;
  }

  private boolean isInRam(int page) {
    return page < inRam.size();
  }

  /** Where a row is in the file. */
  private long place(int page, int row) {
    return inFile[page - inRam.size()] + (long) row * rowBytes;
  }

  /** Writes rows {@code [first, first + count)} of a page from the beginning of their records. */
  void write(int page, int first, int count, byte[] records) {
    int bytes = count * rowBytes;
    if (isInRam(page)) {
      MemorySegment.copy(records, 0, inRam.get(page), JAVA_BYTE, (long) first * rowBytes, bytes);
      return;
    }
    memory.write(place(page, first), ByteBuffer.wrap(records, 0, bytes));
    for (int row = page * BLOCK; row < (page + 1) * BLOCK; row += HotBlocks.ROWS) {
      hot.forget(row / HotBlocks.ROWS);
    }
  }

  /** Reads a page; false where that fails. */
  boolean read(int page, byte[] records) {
    int bytes = BLOCK * rowBytes;
    if (isInRam(page)) {
      MemorySegment.copy(inRam.get(page), JAVA_BYTE, 0, records, 0, bytes);
      return true;
    }
    return memory.read(place(page, 0), ByteBuffer.wrap(records, 0, bytes));
  }

  /**
   * Copies the first {@code count} rows of a union next to each other.
   *
   * @return false where one cannot be read
   */
  boolean copy(ChosenRows chosen, int count, byte[] to) {
    if (pages > inRam.size()) {
      return copyWithFile(chosen, count, to);
    }
    for (int i = 0; i < count; ) {
      int row = chosen.row(i);
      int some = 1; // neighbours of a page
      while (i + some < count && chosen.row(i + some) == row + some && (row + some) % BLOCK > 0) {
        some++;
      }
      copy(row, some, to, i * rowBytes);
      i += some;
    }
    return true;
  }

  private synchronized boolean copyWithFile(ChosenRows chosen, int count, byte[] to) {
    int number = -1;
    byte[] block = null;
    for (int i = 0; i < count; i++) {
      int row = chosen.row(i);
      if (isInRam(row / BLOCK)) {
        copy(row, 1, to, i * rowBytes);
        continue;
      }
      if (row / HotBlocks.ROWS != number) {
        number = row / HotBlocks.ROWS;
        block = hot.get(number, place(row / BLOCK, number * HotBlocks.ROWS % BLOCK));
        if (block == null) {
          return false;
        }
      }
      System.arraycopy(block, row % HotBlocks.ROWS * rowBytes, to, i * rowBytes, rowBytes);
    }
    return true;
  }

  /** Copies neighbours of a page in RAM: a call takes as long as two rows. */
  private void copy(int row, int count, byte[] to, int at) {
    long from = (long) (row % BLOCK) * rowBytes;
    MemorySegment.copy(inRam.get(row / BLOCK), JAVA_BYTE, from, to, at, count * rowBytes);
  }

  /** Whether rows of a file are lost, and all that is stored with them. */
  boolean areLost() {
    return memory.isLost();
  }

  String trouble() {
    return memory.trouble();
  }

  /** Blocks of the file in memory. */
  HotBlocks hot() {
    return hot;
  }

  /** Allocated bytes, hot blocks aside. */
  long bytes() {
    return (long) pages * BLOCK * rowBytes;
  }
}
