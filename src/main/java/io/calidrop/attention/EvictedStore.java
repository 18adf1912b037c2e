package io.calidrop.attention;

import static io.calidrop.attention.AttentionKernel.SEGMENT;
import static io.calidrop.attention.KvHead.BLOCK;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The evicted rows of one KV head, outside the cache. Whole pages lie in {@link PageMemory} and are
 * copied into a window to be attended; the last page is filled in place.
 */
final class EvictedStore {
  private final PageMemory memory;
  private final KvHead last; // one page, being filled
  private final List<MemorySegment> pages = new ArrayList<>();
  private int[] positions = {}; // [rows]
  private int used; // of pages: those of a cleared store are written again

  EvictedStore(PageMemory memory, KvHead page) {
    this.memory = memory;
    this.last = page;
  }

  int rows() {
    return used * BLOCK + last.rows();
  }

  /** Adds a row: key [headDim] and value [valueLength] at their offsets. */
  void append(float[] key, int keyOffset, float[] value, int valueOffset, int position) {
    int row = rows();
    if (positions.length == row) {
      positions = Arrays.copyOf(positions, Math.max(BLOCK, row + row / 2));
    }
    positions[row] = position;
    last.extend(1);
    last.set(row % BLOCK, key, keyOffset, value, valueOffset);
    if (last.rows() == BLOCK) {
      if (used == pages.size()) {
        pages.add(memory.allocate(last.pageBytes()));
      }
      last.save(0, pages.get(used), 0);
      used++;
      last.truncate(0);
    }
  }

  /**
   * Attends all rows with the queries that {@code scratch} holds and merges the result into {@code
   * out}, whose sums are those of stored values.
   */
  void attend(int queries, ReferenceScratch scratch, SoftmaxPartials out) {
    KvHead window = scratch.window;
    int perWindow = SEGMENT / BLOCK;
    for (int first = 0; first < used; first += perWindow) {
      int count = Math.min(perWindow, used - first);
      window.truncate(0);
      window.extend(count * BLOCK);
      for (int page = 0; page < count; page++) {
        window.load(page, pages.get(first + page), 0);
      }
      AttentionKernel.attendAll(window, 0, queries, null, scratch.attention, out);
    }
    if (last.rows() > 0) {
      AttentionKernel.attendAll(last, 0, queries, null, scratch.attention, out);
    }
  }

  /** Moves every row back by {@code delta} positions, at most to {@code least}. */
  void shift(PositionRotation rotation, int delta, int least, boolean keysInValues, KvHead window) {
    window.truncate(0);
    window.extend(BLOCK);
    for (int page = 0; page < used; page++) {
      window.load(0, pages.get(page), 0);
      shift(window, page * BLOCK, BLOCK, rotation, delta, least, keysInValues);
      window.save(0, pages.get(page), 0);
    }
    shift(last, used * BLOCK, last.rows(), rotation, delta, least, keysInValues);
  }

  private void shift(
      KvHead page,
      int first,
      int count,
      PositionRotation rotation,
      int delta,
      int least,
      boolean keysInValues) {
    float[] key = new float[page.headDim];
    float[] value = new float[page.valueLength];
    for (int row = 0; row < count; row++) {
      int position = Math.max(positions[first + row] - delta, least);
      int by = position - positions[first + row];
      positions[first + row] = position;
      page.getKey(row, key, 0);
      rotation.rotate(key, 0, by);
      page.setKey(row, key, 0);
      if (keysInValues) {
        page.getValue(row, value, 0);
        System.arraycopy(key, 0, value, page.valueLength - page.headDim, page.headDim);
        page.setValue(row, value, 0);
      }
    }
  }

  void transfer(StateTransfer state) {
    int full = state.count("evicted pages", used, Integer.MAX_VALUE / BLOCK - 1);
    long[] page = new long[last.pageBytes() / Long.BYTES];
    MemorySegment segment = MemorySegment.ofArray(page);
    for (int p = 0; p < full; p++) {
      if (!state.reading()) {
        segment.copyFrom(pages.get(p));
      }
      state.longs(page, page.length);
      if (state.reading()) {
        if (p == pages.size()) {
          pages.add(memory.allocate(last.pageBytes()));
        }
        pages.get(p).copyFrom(segment);
      }
    }
    used = full;
    last.transfer(state, BLOCK);
    if (positions.length < rows()) {
      positions = new int[rows()];
    }
    state.ints(positions, rows());
  }

  void clear() {
    used = 0;
    last.truncate(0);
  }

  long bytes() {
    return (long) (pages.size() + 1) * last.pageBytes() + (long) positions.length * Integer.BYTES;
  }
}
