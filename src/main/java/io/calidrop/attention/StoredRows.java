package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.tensor.VectorShape.B;
import static io.calidrop.tensor.VectorShape.BYTES;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.calidrop.tensor.VectorShape;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import jdk.incubator.vector.ByteVector;

/**
 * The evicted rows of one KV head, which each token reads the best of: those whose sketches promise
 * the highest scores. Rows lie one after the other in pages of {@link KvHead#BLOCK}, in the order
 * in which they came; when there is no room for another page the oldest leaves.
 *
 * <p>Keys are turned to the position that their token has in the sequence, which no rebase changes:
 * queries are turned forward to theirs. What lies further back than the context turns to position 0
 * and is seen at that distance, page by page.
 */
final class StoredRows {
  private final KvTypes types;
  private final int dim;
  private final float scale;
  private final PositionRotation rotation;
  private final PageMemory memory;
  private final int recall;
  private int capacity; // pages
  private final int farthest; // distance
  private final int rowBytes;
  private final KvHead page; // rows on their way in or out
  private final byte[] record;
  private final List<MemorySegment> pages = new ArrayList<>(); // by slot
  private final KeySketches sketches;
  private int[] positions = {}; // [slots][BLOCK] in the sequence
  private boolean[] far = {}; // [slots]
  private long first; // page that is the oldest
  private long end; // rows that have come, those that left included
  private final float[] keys; // [BLOCK][dim]
  private final float[] center; // [dim]
  private final float[] value; // [dim]

  StoredRows(
      CacheShape shape,
      StoreOptions options,
      PageMemory memory,
      PositionRotation rotation,
      int context) {
    types = options.types();
    dim = shape.headDim();
    scale = shape.scores().scale();
    this.rotation = rotation;
    this.memory = memory;
    recall = options.recall();
    farthest = context;
    page = types.newHead(dim);
    page.extend(BLOCK);
    rowBytes = page.rowBytes();
    record = new byte[BLOCK * rowBytes];
    sketches = new KeySketches(dim);
    capacity = capacity(shape, options);
    keys = new float[BLOCK * dim];
    center = new float[dim];
    value = new float[dim];
  }

  /** Most pages of a head. */
  private static int capacity(CacheShape shape, StoreOptions options) {
    long heads = (long) shape.fullLayers().length * shape.kvHeads();
    long pages = options.bytes() / heads / pageBytes(shape, options);
    return Math.clamp(pages, 1, Integer.MAX_VALUE / BLOCK - 1);
  }

  /** Bytes of a page with what is known of its rows without reading. */
  private static long pageBytes(CacheShape shape, StoreOptions options) {
    int dim = shape.headDim();
    int rowBytes = options.types().newHead(dim).rowBytes();
    return (long) BLOCK * (rowBytes + Integer.BYTES) + new KeySketches(dim).pageBytes();
  }

  /** Most bytes that a head's rows take of a sequence so long. */
  static long mostBytes(CacheShape shape, StoreOptions options, long tokens) {
    return Math.min(Math.ceilDiv(tokens, BLOCK), capacity(shape, options))
        * pageBytes(shape, options);
  }

  /** Rows that it holds. */
  int rows() {
    return (int) (end - first * BLOCK);
  }

  /** Rows that a token reads of them. */
  int read() {
    return Math.min(recall, rows());
  }

  private int slots() {
    return (int) Math.min(Math.ceilDiv(end, BLOCK), capacity);
  }

  private int slot(long page) {
    return (int) (page % Math.max(1, capacity));
  }

  /**
   * Adds evicted rows.
   *
   * @param shift by which their positions are less than those in the sequence
   * @param leaving takes what there is no more room for, at positions less by as much
   */
  void add(EvictedRows rows, int shift, EvictedRows leaving) {
    for (int from = 0; from < rows.count(); ) {
      int inPage = inLastPage();
      if (inPage == 0 && !open(shift, leaving)) {
        leaving.add(rows, from);
        return;
      }
      int count = Math.min(BLOCK - inPage, rows.count() - from);
      int slot = slot(end / BLOCK);
      System.arraycopy(rows.keys(), from * dim, keys, 0, count * dim);
      for (int i = 0; i < count; i++) {
        rotate(keys, i * dim, shift);
        positions[slot * BLOCK + inPage + i] = rows.position(from + i) + shift;
        page.set(i, keys, i * dim, rows.values(), (from + i) * dim);
        page.saveRow(i, record, i * rowBytes);
      }
      write(slot, inPage, count);
      sketches.set(slot, inPage, count, keys, center);
      end += count;
      from += count;
    }
  }

  private void rotate(float[] x, int offset, int by) {
    if (by != 0) {
      rotation.rotate(x, offset, by);
    }
  }

  /** Makes room for the next page, if there can be any. */
  private boolean open(int shift, EvictedRows leaving) {
    if (!reach(slot(end / BLOCK))) {
      capacity = pages.size();
    }
    if (capacity > 0 && rows() == capacity * BLOCK) {
      leave(slot(first), shift, leaving);
      first++;
    }
    if (capacity > 0) {
      far[slot(end / BLOCK)] = false;
    }
    return capacity > 0;
  }

  /** Allocates pages up to a slot; false where there is no memory for them. */
  private boolean reach(int slot) {
    while (pages.size() <= slot) {
      MemorySegment page = memory.allocate((long) BLOCK * rowBytes);
      if (page == null) {
        return false;
      }
      pages.add(page);
    }
    if (slot >= far.length) {
      int size = Math.min(capacity, slot + 1 + slot / 2);
      far = Arrays.copyOf(far, size);
      positions = Arrays.copyOf(positions, size * BLOCK);
    }
    return true;
  }

  private void leave(int slot, int shift, EvictedRows leaving) {
    load(slot);
    for (int row = 0; row < BLOCK; row++) {
      int own = positions[slot * BLOCK + row];
      int position = Math.max(own - shift, 0);
      page.getKey(row, keys, 0);
      rotate(keys, 0, far[slot] ? position : position - own);
      page.getValue(row, value, 0);
      leaving.add(keys, value, 0, position);
    }
  }

  /** Reads a page. */
  private void load(int slot) {
    MemorySegment.copy(pages.get(slot), JAVA_BYTE, 0, record, 0, record.length);
    for (int row = 0; row < BLOCK; row++) {
      page.loadRow(row, record, row * rowBytes);
    }
  }

  private void write(int slot, int first, int count) {
    MemorySegment.copy(
        record, 0, pages.get(slot), JAVA_BYTE, (long) first * rowBytes, count * rowBytes);
  }

  /**
   * Turns the pages of which a row would be seen from beyond the context to position 0.
   *
   * @param position in the sequence of the last token that will see them as they are
   */
  void age(long position) {
    for (long p = first; p < end / BLOCK; p++) {
      int slot = slot(p);
      if (!far[slot] && position - least(slot) > farthest) {
        far[slot] = true;
        load(slot);
        for (int row = 0; row < BLOCK; row++) {
          page.getKey(row, keys, row * dim);
          rotate(keys, row * dim, -positions[slot * BLOCK + row]);
          page.setKey(row, keys, row * dim);
          page.saveRow(row, record, row * rowBytes);
        }
        write(slot, 0, BLOCK);
        sketches.set(slot, 0, BLOCK, keys, center);
      }
    }
  }

  private int least(int slot) {
    int least = Integer.MAX_VALUE;
    for (int row = 0; row < BLOCK; row++) {
      least = Math.min(least, positions[slot * BLOCK + row]);
    }
    return least;
  }

  /**
   * Chooses rows for each token of a tile and attends them: the result, as of values, is in the
   * scratch. What one token gets does not depend on the others.
   *
   * @param q [tokens][stride] queries, turned to positions from {@code position} on, the group's at
   *     {@code offset}
   * @param shift by which these are less than positions in the sequence
   */
  void attend(
      float[] q,
      int offset,
      int stride,
      int tokens,
      int group,
      int position,
      int shift,
      AttentionScratch attention,
      RecallScratch scratch) {
    start(q, offset, stride, tokens, group, position, shift, scratch);
    for (int token = 0; token < tokens; token++) {
      int found = scratch.best.find(score(token * group * dim, scratch), slots() * BLOCK, recall);
      scratch.chosen.add(scratch.best.rows, found);
    }
    attendChosen(group, attention, scratch);
  }

  /**
   * Attends all rows for one query: the result, as of values, is the scratch's first.
   *
   * @param q [dim] at {@code offset}, turned to {@code position}
   */
  void attendAll(
      float[] q,
      int offset,
      int position,
      int shift,
      AttentionScratch attention,
      RecallScratch scratch) {
    start(q, offset, dim, 1, 1, position, shift, scratch);
    int[] rows = scratch.best.room(slots() * BLOCK);
    int count = 0;
    for (int row = 0; row < slots() * BLOCK; row++) {
      if (row < unused() || row >= VectorShape.roundUp(unused(), BLOCK)) {
        rows[count++] = row;
      }
    }
    scratch.chosen.add(rows, count);
    attendChosen(1, attention, scratch);
  }

  private void start(
      float[] q,
      int offset,
      int stride,
      int tokens,
      int group,
      int position,
      int shift,
      RecallScratch scratch) {
    scratch.start(types, slots());
    boolean anyFar = isAnyFar();
    for (int token = 0; token < tokens; token++) {
      int from = offset + token * stride;
      int to = token * group * dim;
      turn(q, from, group, shift, scratch.nearQueries, to);
      if (anyFar) {
        turn(q, from, group, farthest - position - token, scratch.farQueries, to);
      }
    }
  }

  private boolean isAnyFar() {
    for (int slot = 0; slot < slots(); slot++) {
      if (far[slot]) {
        return true;
      }
    }
    return false;
  }

  private void turn(float[] q, int offset, int group, int by, float[] out, int to) {
    System.arraycopy(q, offset, out, to, group * dim);
    for (int head = 0; head < group; head++) {
      rotate(out, to + head * dim, by);
    }
  }

  /** Scores all rows by their sketches for the queries of a token. */
  private float[] score(int query, RecallScratch scratch) {
    int slots = slots();
    float[] scores = scratch.scores;
    boolean loaded = false;
    boolean loadedFar = false;
    for (int from = 0; from < slots; ) {
      int to = from + 1;
      while (to < slots && far[to] == far[from]) {
        to++;
      }
      if (far[from] && !loadedFar) {
        scratch.far.load(scratch.farQueries, query, scale);
        loadedFar = true;
      } else if (!far[from] && !loaded) {
        scratch.near.load(scratch.nearQueries, query, scale);
        loaded = true;
      }
      sketches.scores(
          from, to, far[from] ? scratch.far : scratch.near, scratch.base, scratch.sums, scores);
      from = to;
    }
    Arrays.fill(scores, unused(), VectorShape.roundUp(unused(), BLOCK), Float.NEGATIVE_INFINITY);
    return scores;
  }

  /** The first row of the last page that has not come, or the first beyond all pages. */
  private int unused() {
    return inLastPage() == 0 ? slots() * BLOCK : slot(end / BLOCK) * BLOCK + inLastPage();
  }

  private int inLastPage() {
    return (int) (end % BLOCK);
  }

  private void attendChosen(int group, AttentionScratch attention, RecallScratch scratch) {
    ChosenRows chosen = scratch.chosen;
    gather(chosen, chosen.unite(far), scratch);
    chosen.attend(
        scratch.rows, scratch.nearQueries, scratch.farQueries, group, attention, scratch.result);
    scratch.rows.restore(scratch.result, chosen.tokens() * group);
  }

  /** Copies chosen rows next to each other. */
  private void gather(ChosenRows chosen, int count, RecallScratch scratch) {
    byte[] records = scratch.records(count);
    for (int i = 0; i < count; i++) {
      int row = chosen.row(i);
      if (row != ChosenRows.NONE) {
        copy(pages.get(row / BLOCK), row % BLOCK * rowBytes, records, i * rowBytes);
      }
    }
    KvHead rows = scratch.rows;
    rows.truncate(0);
    rows.extend(count);
    for (int i = 0; i < count; i++) {
      if (chosen.row(i) != ChosenRows.NONE) {
        rows.loadRow(i, records, i * rowBytes);
      }
    }
  }

  /** Copies a row by vectors, the last of which may overlap: a call takes longer than the copy. */
  private void copy(MemorySegment from, int offset, byte[] to, int at) {
    int last = rowBytes - BYTES;
    if (last < 0) {
      MemorySegment.copy(from, JAVA_BYTE, offset, to, at, rowBytes);
      return;
    }
    for (int i = 0; i < last; i += BYTES) {
      ByteVector.fromMemorySegment(B, from, offset + i, ByteOrder.nativeOrder())
          .intoArray(to, at + i);
    }
    ByteVector.fromMemorySegment(B, from, offset + last, ByteOrder.nativeOrder())
        .intoArray(to, at + last);
  }

  /**
   * Carries all rows.
   *
   * @throws IllegalArgumentException if there is no room for those that were saved
   */
  void transfer(StateTransfer state) {
    capacity = state.count("pages in a store", capacity, capacity);
    first = state.count("pages that left a store", first, Integer.MAX_VALUE);
    end = first * BLOCK + state.count("stored rows", rows(), (long) capacity * BLOCK);
    int slots = slots();
    if (slots > 0 && !reach(slots - 1)) {
      throw new IllegalArgumentException(
          "there is no room for %d stored rows: %s".formatted(rows(), memory.trouble()));
    }
    state.ints(positions, slots * BLOCK);
    byte[] flag = new byte[1];
    for (int slot = 0; slot < slots; slot++) {
      flag[0] = (byte) (far[slot] ? 1 : 0);
      state.bytes(flag, 1);
      far[slot] = flag[0] != 0;
      if (!state.reading()) {
        MemorySegment.copy(pages.get(slot), JAVA_BYTE, 0, record, 0, record.length);
      }
      state.bytes(record, record.length);
      if (state.reading()) {
        write(slot, 0, BLOCK);
      }
    }
    sketches.transfer(state, slots);
  }

  void clear() {
    first = 0;
    end = 0;
  }

  /** Bytes of the rows. */
  long bytes() {
    return (long) pages.size() * BLOCK * rowBytes;
  }

  /** Bytes of what is known of them without reading. */
  long sketchBytes() {
    return sketches.bytes() + (long) positions.length * Integer.BYTES + far.length;
  }
}
