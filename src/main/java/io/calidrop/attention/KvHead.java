package io.calidrop.attention;

import java.lang.foreign.MemorySegment;

/**
 * Keys and values that one KV head of one layer has cached, in dense pages of {@link #BLOCK} rows:
 * it grows without copying, and by little more than it needs. Attention computes with four queries
 * at a time: each decoded vector serves eight multiply-adds.
 */
final class KvHead {
  /** Queries that a kernel takes at a time. */
  static final int QUAD = 4;

  /** Rows of a page and of a kernel call, a multiple of the keys' tile at every vector width. */
  static final int BLOCK = 64;

  /** Pages that are allocated at a time for rows that are read from a file. */
  private static final int PAGES_READ = 16;

  final KeyRows keys;
  final ValueRows values;

  /** Dimensions of a key. */
  final int headDim;

  /** Dimensions of a value. */
  final int valueLength;

  /** Length of a sum of values, see {@link ValueRows#valueDim}. */
  final int valueDim;

  /** What the newest rows have lost, or null. */
  final NewestRows newest;

  private int rows;
  private int pages;

  KvHead(KeyRows keys, ValueRows values) {
    this(keys, values, null);
  }

  KvHead(KeyRows keys, ValueRows values, NewestRows newest) {
    this.keys = keys;
    this.newest = newest;
    this.values = values;
    headDim = keys.headDim;
    valueLength = values.valueLength;
    valueDim = values.valueDim;
  }

  /** Rows in use. */
  int rows() {
    return rows;
  }

  /**
   * Makes room for {@code count} more rows and takes them into use; their contents are set by
   * {@link #set}.
   */
  void extend(int count) {
    if (newest != null) {
      newest.extend(rows, count);
    }
    rows += count;
    reserve(rows);
  }

  /** Allocates the pages that are missing for so many rows, next to each other. */
  void reserve(int rows) {
    int missing = Math.ceilDiv(rows, BLOCK) - pages;
    if (missing > 0) {
      pages += missing;
      keys.pages().add(missing);
      values.pages().add(missing);
    }
  }

  /** Drops every row from {@code rows} on. */
  void truncate(int rows) {
    if (newest != null && rows < this.rows) {
      newest.truncate(rows);
    }
    this.rows = Math.min(rows, this.rows);
  }

  /** Frees what only a batch needed of its newest rows; the last {@code drafted} may be dropped. */
  void dropRests(int drafted) {
    if (newest != null) {
      newest.extend(rows - drafted, 0);
    }
  }

  /** Makes the newest rows those of the {@code count} that were kept, which move to the front. */
  void keepNewest(boolean[] kept, int count) {
    if (newest != null) {
      newest.keep(kept, rows, count);
    }
  }

  /** Makes sure that the head can be cut to its present rows until the next mark. */
  void mark() {
    if (newest != null) {
      newest.mark(rows);
    }
  }

  /** Whether the head can be cut to so many rows as if it never had more. */
  boolean canTruncate(int rows) {
    return newest == null || newest.canTruncate(rows);
  }

  /**
   * Drops the first {@code count} rows, a multiple of the page; the others move to the front. Pages
   * stay for rows to come: as garbage they would pile up among what is old.
   */
  void dropFirst(int count) {
    if (newest != null) {
      newest.dropFirst(count);
    }
    rows -= count;
    for (int dropped = 0; dropped < count; dropped += BLOCK) {
      keys.pages().rotate();
      values.pages().rotate();
    }
  }

  /** Frees the pages beyond those that {@code rows} rows need. */
  void release(int rows) {
    int needed = Math.ceilDiv(Math.max(rows, this.rows), BLOCK);
    if (pages > needed) {
      pages = needed;
      keys.pages().keep(needed);
      values.pages().keep(needed);
    }
  }

  /**
   * Sets a row. Different rows may be set by different threads at the same time.
   *
   * @param key holds the rotated key [headDim] at {@code keyOffset}
   * @param value holds the value [valueLength] at {@code valueOffset}
   */
  void set(int row, float[] key, int keyOffset, float[] value, int valueOffset) {
    setKey(row, key, keyOffset);
    setValue(row, value, valueOffset);
  }

  /** Carries the rows in use, as they are stored at this width of vectors. */
  void transfer(StateTransfer state, int most) {
    int count = state.count("rows", rows, most);
    if (state.reading()) {
      truncate(0);
      rows = count;
      release(count);
    }
    long[] page = new long[pageBytes() / Long.BYTES];
    MemorySegment segment = MemorySegment.ofArray(page);
    for (int p = 0; p * BLOCK < count; p++) {
      if (!state.reading()) {
        save(p, segment, 0);
      } else if (p % PAGES_READ == 0) { // as they come: a damaged count costs no memory
        reserve(Math.min(count, (p + PAGES_READ) * BLOCK));
      }
      state.longs(page, page.length);
      if (state.reading()) {
        load(p, segment, 0);
      }
    }
    if (newest != null) {
      newest.transfer(state, this);
    }
  }

  /** Takes over all rows of a head of the same format and dimensions, both without newest rows. */
  void copyFrom(KvHead other) {
    truncate(0);
    rows = other.rows;
    reserve(rows);
    MemorySegment page = MemorySegment.ofArray(new long[pageBytes() / Long.BYTES]);
    for (int p = 0; p * BLOCK < rows; p++) {
      other.save(p, page, 0);
      load(p, page, 0);
    }
  }

  /** Allocated bytes. */
  long bytes() {
    return (long) pages * pageBytes() + (newest == null ? 0 : newest.bytes());
  }

  /** Bytes of a page, and of what {@link #save} writes. */
  int pageBytes() {
    return keys.pageBytes() + values.pageBytes();
  }

  void setKey(int row, float[] key, int offset) {
    keys.set(row, key, offset);
    if (newest != null) {
      newest.setKey(row);
    }
  }

  void setValue(int row, float[] value, int offset) {
    values.set(row, value, offset);
    if (newest != null) {
      newest.setValue(row);
    }
  }

  /** Decodes a key to {@code out[offset ..]} [headDim]. */
  void getKey(int row, float[] out, int offset) {
    keys.get(row, out, offset);
    if (newest != null) {
      newest.addKey(row, rows, out, offset);
    }
  }

  /** Decodes a value to {@code out[offset ..]} [valueLength]. */
  void getValue(int row, float[] out, int offset) {
    values.get(row, out, offset);
    if (newest != null) {
      newest.addValue(row, rows, out, offset);
    }
  }

  /** Copies a row, as it is stored, over another. */
  void move(int from, int to) {
    keys.move(from, to);
    values.move(from, to);
  }

  /** Copies a page to memory, as it is stored. */
  void save(int page, MemorySegment to, long offset) {
    keys.save(page, to, offset);
    values.save(page, to, offset + keys.pageBytes());
  }

  /** Overwrites a page with one that {@link #save} wrote. */
  void load(int page, MemorySegment from, long offset) {
    keys.load(page, from, offset);
    values.load(page, from, offset + keys.pageBytes());
  }

  /**
   * Scores of four queries with the keys of {@link #BLOCK} rows.
   *
   * @param row the first row, a multiple of BLOCK
   * @param queries holds [headDim][4] query values at {@code queryOffset}, rotated and multiplied
   *     as the keys ask for
   * @param scores [4][BLOCK], overwritten; rows beyond those in use get meaningless scores
   */
  void scores(int row, float[] queries, int queryOffset, float[] scores, AttentionScratch scratch) {
    keys.scores(row, queries, queryOffset, scores, scratch);
  }

  /**
   * Adds the weighted values of rows {@code [row, row + count)}, as they are stored, to four
   * accumulators; see {@link #restore}.
   *
   * @param weights [4][BLOCK]
   * @param out holds [4][valueDim] at {@code offset}
   */
  void accumulate(
      int row, int count, float[] weights, float[] out, int offset, AttentionScratch scratch) {
    values.accumulate(row, count, weights, out, offset, scratch);
  }

  /** Turns the sums of stored values of the first {@code queries} partials into sums of values. */
  void restore(SoftmaxPartials partials, int queries) {
    Hadamard rotation = values.rotation();
    for (int query = 0; query < queries; query++) {
      rotation.apply(partials.acc, query * valueDim, valueLength);
    }
  }
}
