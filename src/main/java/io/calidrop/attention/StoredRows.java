package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;

import io.calidrop.tensor.VectorShape;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The evicted rows of one KV head, which each token reads the best of: those whose sketches promise
 * the highest scores. Rows lie one after the other in pages of {@link KvHead#BLOCK}, in the order
 * in which they came; when there is no room for another page the oldest leaves.
 *
 * <p>Keys are turned to the position that their token has in the sequence, which no rebase changes:
 * queries are turned forward to theirs. Once the sequence has outgrown the context, what lies
 * further back than {@value #FARTHEST} turns to position 0 and is seen at that distance, page by
 * page: near enough for a model to find what it looks for. Of very many rows, see {@link #crowd}.
 */
final class StoredRows {
  /** Where what lies further back is seen from beyond the context, unless that is shorter. */
  static final int FARTHEST = 1024;

  /** Most bytes of a file's blocks in memory, of all heads together. */
  private static final long MOST_HOT = 64 << 20;

  /** Of a store's bytes, at most one in so many. */
  private static final int HOT_SHARE = 8;

  private final int dim;
  private final PositionRotation rotation;
  private final Hadamard hadamard;
  private final int recall;
  private final int most; // pages
  private int capacity; // of them, less where there is no more memory
  private final int context;
  private final int rowBytes;
  private final ValueRows keyRows; // their formats
  private final ValueRows valueRows;
  private final byte[] record; // a page on its way in or out, and room for a vector
  private final RowRecords records; // by slot
  private final KeySketches sketches;
  private final RunSketches runs;
  private final List<int[]> positions = new ArrayList<>(); // [slots][BLOCK] in the sequence
  private boolean[] far = {}; // [slots]
  private boolean anyFar;
  private long first; // page that is the oldest
  private long end; // rows that have come, those that left included
  private StoreMark mark; // to go back to, or null
  private final float[] keys; // [BLOCK][dim], and room for what decoding a row writes beyond
  private final float[] values; // the same

  StoredRows(
      CacheShape shape,
      StoreOptions options,
      PageMemory memory,
      PositionRotation rotation,
      int context) {
    KvTypes types = options.types();
    dim = shape.headDim();
    this.rotation = rotation;
    hadamard = Hadamard.of(dim);
    recall = options.recall();
    this.context = context;
    keyRows = types.keys().newValues(dim, dim);
    valueRows = types.values().newValues(dim, dim);
    rowBytes = keyRows.rowBytes() + valueRows.rowBytes();
    record = new byte[BLOCK * rowBytes + VectorShape.BYTES];
    records = new RowRecords(memory, rowBytes, hotBytes(options) / heads(shape));
    sketches = new KeySketches(dim);
    runs = new RunSketches(dim);
    most = capacity(shape, options);
    capacity = most;
    keys = new float[BLOCK * dim + ValueRows.valueDim(dim)];
    values = new float[keys.length];
  }

  private static long heads(CacheShape shape) {
    return Math.max(1, (long) shape.fullLayers().length * shape.kvHeads());
  }

  /** Most bytes of a file's blocks in memory. */
  private static long hotBytes(StoreOptions options) {
    return options.place() == StoreOptions.Place.RAM
        ? 0
        : Math.min(MOST_HOT, options.bytes() / HOT_SHARE);
  }

  /** Most pages of a head. */
  private static int capacity(CacheShape shape, StoreOptions options) {
    long pages = (options.bytes() - hotBytes(options)) / heads(shape) / pageBytes(shape, options);
    return Math.clamp(pages, 1, Integer.MAX_VALUE / BLOCK - 1);
  }

  /** Bytes of a page with what is known of its rows without reading. */
  private static long pageBytes(CacheShape shape, StoreOptions options) {
    int dim = shape.headDim();
    int rowBytes =
        options.types().keys().newValues(dim, dim).rowBytes()
            + options.types().values().newValues(dim, dim).rowBytes();
    return (long) BLOCK * (rowBytes + Integer.BYTES)
        + KeySketches.pageBytes(dim)
        + KeySketches.pageBytes(dim) / RunSketches.RUN;
  }

  /** Most bytes that all heads' rows take of a sequence so long, hot blocks included. */
  static long mostBytes(CacheShape shape, StoreOptions options, long tokens) {
    long rows =
        heads(shape)
            * Math.min(Math.ceilDiv(tokens, BLOCK), capacity(shape, options))
            * pageBytes(shape, options);
    return rows + Math.min(rows, hotBytes(options));
  }

  /** Rows that it holds. */
  int rows() {
    return (int) (end - first * BLOCK);
  }

  /** Rows that a token reads of them. */
  int read() {
    return Math.min(recall, rows());
  }

  /** Rows that a token reads that reads lightly, those of a run that is not complete included. */
  int readLightly() {
    int begun = (int) (end % RunSketches.RUN);
    return Math.min(RowChoice.LIGHT_RUNS * RunSketches.RUN, rows() - begun) + begun;
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
    forgetWhatIsLost();
    for (int from = 0; from < rows.count(); ) {
      int inPage = inLastPage();
      if (inPage == 0 && !open(shift, leaving)) {
        leaving.add(rows, from);
        return;
      }
      int count = Math.min(BLOCK - inPage, rows.count() - from);
      int slot = slot(end / BLOCK);
      System.arraycopy(rows.keys(), from * dim, keys, 0, count * dim);
      System.arraycopy(rows.values(), from * dim, values, 0, count * dim);
      for (int i = 0; i < count; i++) {
        positions.get(slot)[inPage + i] = rows.position(from + i) + shift;
      }
      if (shift != 0) {
        rotation.rotate(keys, 0, count, dim, shift);
      }
      encode(keyRows, keys, count, 0);
      encode(valueRows, values, count, keyRows.rowBytes());
      records.write(slot, inPage, count, record);
      rotateForSketches(count);
      runs.add(slot * BLOCK + inPage, count, keys);
      sketch(slot, inPage, count);
      end += count;
      from += count;
    }
  }

  /** Goes on without a store where rows are lost. */
  private void forgetWhatIsLost() {
    if (records.areLost()) {
      clear();
      capacity = 0;
    }
  }

  /** Encodes keys or values into their records, and leaves them rotated as they are stored. */
  private void encode(ValueRows rows, float[] x, int count, int at) {
    rows.rotation().apply(x, 0, count * dim);
    for (int row = 0; row < count; row++) {
      rows.encodeRow(x, row * dim, record, row * rowBytes + at);
    }
  }

  /** Decodes a page's keys or values. */
  private void decode(ValueRows rows, float[] x, int at) {
    rows.decodeRows(record, at, rowBytes, BLOCK, x, 0, dim);
    rows.rotation().apply(x, 0, BLOCK * dim);
  }

  /** Rotates keys that were encoded as sketches have them: packed ones are. */
  private void rotateForSketches(int count) {
    if (keyRows.rotation().isNone()) {
      hadamard.apply(keys, 0, count * dim);
    }
  }

  /** Sketches rows of a page whose rotated keys are in {@code keys}. */
  private void sketch(int slot, int first, int count) {
    if (first == 0) {
      sketches.center(slot, count, keys);
    }
    sketches.set(slot, first, count, keys);
  }

  private void rotate(float[] x, int offset, int by) {
    if (by != 0) {
      rotation.rotate(x, offset, by);
    }
  }

  /** Makes room for the next page, if there can be any. */
  private boolean open(int shift, EvictedRows leaving) {
    if (!reach(slot(end / BLOCK))) {
      capacity = records.pages();
    }
    if (capacity > 0 && rows() == capacity * BLOCK) {
      leave(first, shift, leaving);
      first++;
    }
    if (capacity > 0) {
      far[slot(end / BLOCK)] = false;
    }
    return capacity > 0;
  }

  /** Makes room for pages up to a slot; false where there is no memory for them. */
  private boolean reach(int slot) {
    if (!records.reach(slot)) {
      return false;
    }
    if (slot >= far.length) {
      int size = Math.min(capacity, slot + 1 + slot / 2);
      far = Arrays.copyOf(far, size);
    }
    while (positions.size() <= slot) {
      positions.add(new int[BLOCK]);
    }
    return true;
  }

  private void leave(long page, int shift, EvictedRows leaving) {
    int slot = slot(page);
    if (!records.read(slot, record)) {
      return;
    }
    note(page);
    decode(keyRows, keys, 0);
    decode(valueRows, values, keyRows.rowBytes());
    for (int row = 0; row < BLOCK; row++) {
      int own = positions.get(slot)[row];
      int position = Math.max(own - shift, 0);
      rotate(keys, row * dim, far[slot] ? position : position - own);
      leaving.add(keys, values, row * dim, 0, position);
    }
  }

  /**
   * Turns the pages to position 0 of which a row lies too far back: further than the context, and
   * than {@link #farthest} once that is full.
   *
   * @param seen tokens that the sequence has had
   * @param position in the sequence of the last token that will see pages as they are
   */
  void age(long seen, long position) {
    int reach = seen < context ? context : farthest();
    for (long p = first; p < end / BLOCK; p++) {
      int slot = slot(p);
      if (!far[slot] && position - least(slot) > reach) {
        if (!records.read(slot, record)) {
          return;
        }
        note(p);
        far[slot] = true;
        anyFar = true;
        decode(keyRows, keys, 0);
        rotation.toOrigin(keys, 0, BLOCK, dim, positions.get(slot));
        encode(keyRows, keys, BLOCK, 0);
        records.write(slot, 0, BLOCK, record);
        rotateForSketches(BLOCK);
        runs.replace(slot * BLOCK, BLOCK, keys);
        sketch(slot, 0, BLOCK);
      }
    }
  }

  /** Copies a page that {@code record} has, before it changes, if it was there at the mark. */
  private void note(long page) {
    if (mark != null && mark.had(page)) {
      int slot = slot(page);
      mark.changed()
          .add(
              new StoreMark.Page(
                  slot,
                  record.clone(),
                  positions.get(slot).clone(),
                  far[slot],
                  sketches.save(slot),
                  runs.sketches().save(runs.page(slot))));
    }
  }

  /** Makes sure that the store can go back to what it is now, until the next mark. */
  void mark() {
    mark = new StoreMark(first, end, runs.mark());
  }

  /** Goes back to the last mark; nothing comes back of a file that was lost. */
  void goBack() {
    if (mark == null) {
      return;
    }
    for (StoreMark.Page page : mark.changed().reversed()) {
      int slot = page.slot();
      records.write(slot, 0, BLOCK, page.record());
      System.arraycopy(page.positions(), 0, positions.get(slot), 0, BLOCK);
      far[slot] = page.far();
      sketches.load(slot, page.sketches());
      runs.sketches().load(runs.page(slot), page.runs());
    }
    mark.changed().clear();
    runs.goBack(mark.runs());
    first = mark.first();
    end = mark.end();
    anyFar = false;
    for (int slot = 0; slot < slots(); slot++) {
      anyFar |= far[slot];
    }
  }

  private int least(int slot) {
    int least = Integer.MAX_VALUE;
    for (int row = 0; row < BLOCK; row++) {
      least = Math.min(least, positions.get(slot)[row]);
    }
    return least;
  }

  /** Slots of pages that hold rows. */
  int slots() {
    return (int) Math.min(Math.ceilDiv(end, BLOCK), capacity);
  }

  /** Where rows begin that have not come, to the end of their page: beyond all where none has. */
  int unused() {
    return inLastPage() == 0 ? slots() * BLOCK : slot(end / BLOCK) * BLOCK + inLastPage();
  }

  private int inLastPage() {
    return (int) (end % BLOCK);
  }

  /** Whether the rows of a page are turned to position 0. */
  boolean isFar(int slot) {
    return far[slot];
  }

  boolean isAnyFar() {
    return anyFar;
  }

  /** At which rows are seen that lie further back. */
  int farthest() {
    return (int) (Math.min(context, FARTHEST) / crowd());
  }

  /**
   * How crowded far rows are: all are seen at the same distance, and the more there are, the more
   * resemble by chance what a token looks for. At 1 and below they fit into the context. They are
   * seen so many times nearer, what their scores are below the best one's counts so many times, and
   * what all but that one weigh is divided by the cube, as if they were as many as the context has
   * positions.
   */
  float crowd() {
    return (float) Math.cbrt(Math.max(1, (double) rows() / context));
  }

  /** The format of stored keys. */
  ValueRows keyRows() {
    return keyRows;
  }

  /** The format of stored values. */
  ValueRows valueRows() {
    return valueRows;
  }

  PositionRotation rotation() {
    return rotation;
  }

  /** Rows that each token reads. */
  int recall() {
    return recall;
  }

  KeySketches sketches() {
    return sketches;
  }

  /** Of the means of runs of rows. */
  KeySketches runSketches() {
    return runs.sketches();
  }

  RowRecords records() {
    return records;
  }

  /**
   * Carries all rows.
   *
   * @throws IllegalArgumentException if there is no room for those that were saved
   * @throws UncheckedIOException if rows cannot be read
   */
  void transfer(StateTransfer state) {
    if (!state.reading()) {
      forgetWhatIsLost();
    }
    capacity = state.count("pages in a store", capacity, most);
    first = state.count("pages that left a store", first, Integer.MAX_VALUE);
    end = first * BLOCK + state.count("stored rows", rows(), (long) capacity * BLOCK);
    int slots = slots();
    if (slots > 0 && !reach(slots - 1)) {
      throw new IllegalArgumentException(
          "there is no room for %d stored rows: the store %s".formatted(rows(), records.trouble()));
    }
    for (int slot = 0; slot < slots; slot++) {
      state.ints(positions.get(slot), BLOCK);
    }
    if (state.reading()) {
      mark = null;
    }
    anyFar = false;
    byte[] flag = new byte[1];
    for (int slot = 0; slot < slots; slot++) {
      flag[0] = (byte) (far[slot] ? 1 : 0);
      state.bytes(flag, 1);
      far[slot] = flag[0] != 0;
      anyFar |= far[slot];
      if (!state.reading() && !records.read(slot, record)) {
        String message = "the store " + records.trouble();
        throw new UncheckedIOException(message, new IOException(message));
      }
      state.bytes(record, BLOCK * rowBytes);
      if (state.reading()) {
        records.write(slot, 0, BLOCK, record);
      }
    }
    sketches.transfer(state, slots);
    runs.transfer(state, slots * BLOCK);
    forgetWhatIsLost();
  }

  void clear() {
    mark = null;
    anyFar = false;
    runs.clear();
    first = 0;
    end = 0;
  }

  /** Bytes of the rows. */
  long bytes() {
    return records.bytes();
  }

  private long positionBytes() {
    return (long) positions.size() * BLOCK * Integer.BYTES;
  }

  /** Bytes of what is known of them without reading. */
  long sketchBytes() {
    return sketches.bytes() + runs.bytes() + positionBytes() + far.length;
  }
}
