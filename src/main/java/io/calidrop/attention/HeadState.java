package io.calidrop.attention;

import io.calidrop.attention.CalibrationOptions.Fold;
import io.calidrop.attention.CalibrationOptions.Paper;
import io.calidrop.tensor.VectorShape;
import java.util.Arrays;

/** What a bounded cache keeps beside the keys and values of one KV head. */
final class HeadState {
  final int layer;
  final int kvHead;
  final KvHead rows;

  /** Stand-ins for the evicted tokens, or null. */
  final CalibrationRows calibration;

  /** One reference for each query head of the group, or null. */
  final ReferenceCalibration references;

  /** The evicted rows that can be read again, or null. */
  final StoredRows stored;

  /** The last queries, or null where nobody asks for them. */
  final QueryRing queries;

  /**
   * Queries of the prompt's second reading, while that is recorded or waits for its fit, or null.
   */
  ReadQueries reading;

  /** What became of evicted rows. */
  final EvictedLooks looks;

  private long evicted; // rows
  private int[] positions = {}; // [rows]
  private int[] shares = {}; // [rows] in units of ShareLog.ONE, sums or the largest
  private final boolean observed;
  private int[][] draftedShares = {}; // [drafted tokens][rows] of them what these gave
  private int[] draftedRows = {}; // [drafted tokens] rows that they gave shares

  HeadState(
      int layer,
      int kvHead,
      KvHead rows,
      CalibrationRows calibration,
      ReferenceCalibration references,
      StoredRows stored,
      QueryRing queries,
      EvictedLooks looks,
      boolean observed) {
    this.layer = layer;
    this.kvHead = kvHead;
    this.rows = rows;
    this.calibration = calibration;
    this.references = references;
    this.stored = stored;
    this.queries = queries;
    this.looks = looks;
    this.observed = observed;
  }

  /**
   * The state that a cache's options ask for.
   *
   * @param stored takes its evicted rows, or null
   */
  static HeadState of(
      int layer, int kvHead, CacheShape shape, CacheOptions options, StoredRows stored) {
    CalibrationOptions calibration = options.calibration();
    KvTypes types = options.kvTypes();
    int dim = shape.headDim();
    EvictedLooks looks = new EvictedLooks();
    return new HeadState(
        layer,
        kvHead,
        options.newHead(dim),
        calibration instanceof Fold fold ? new CalibrationRows(fold.rows(), dim, types) : null,
        calibration instanceof Paper paper
            ? new ReferenceCalibration(shape, paper, stored, looks)
            : null,
        stored,
        options.queries().map(sample -> ring(sample, shape, types)).orElse(null),
        looks,
        options.policy().observation() != EvictionPolicy.Observation.NONE);
  }

  private static QueryRing ring(QuerySample sample, CacheShape shape, KvTypes types) {
    return new QueryRing(
        sample.window(),
        sample.samples(),
        shape.group(),
        shape.headDim(),
        types.keys() == KvType.F32);
  }

  /** Makes room for {@code count} more rows. */
  void extend(int count) {
    rows.extend(count);
    fitToRows();
  }

  private void fitToRows() {
    if (positions.length < rows.rows()) {
      int size = VectorShape.roundUp(rows.rows(), KvHead.BLOCK);
      positions = Arrays.copyOf(positions, size);
      if (observed) {
        shares = Arrays.copyOf(shares, size);
      }
    }
  }

  /** Sets the position of a row; it has had no share of any attention yet. */
  void place(int row, int position) {
    positions[row] = position;
    if (observed) {
      shares[row] = 0;
    }
  }

  /** Notes that so many more rows were evicted. */
  void evict(int rows) {
    evicted += rows;
  }

  /** Rows that were evicted, stored ones included. */
  long evicted() {
    return evicted;
  }

  int storedRows() {
    return stored == null ? 0 : stored.rows();
  }

  /**
   * Counts what {@code tokens} tokens did with evicted rows, without references; takes it back if
   * they are negative.
   *
   * @param light how many of them read lightly
   */
  void looked(int tokens, int light) {
    if (evicted > 0) {
      int rows = storedRows();
      long gone = evicted - rows;
      boolean stands = calibration != null;
      looks.add(light, stored == null ? 0 : stored.readLightly(), rows, gone, stands);
      looks.add(tokens - light, stored == null ? 0 : stored.read(), rows, gone, stands);
    }
  }

  /** Moves a row to another position; its share stays. */
  void setPosition(int row, int position) {
    positions[row] = position;
  }

  int position(int row) {
    return positions[row];
  }

  /**
   * The sum of the row's shares of the observed queries' attention, over the group, or the largest
   * of them.
   */
  double share(int row) {
    return (double) shares[row] / ShareLog.ONE;
  }

  /**
   * Adds [rows] shares, up to the most that there can be, which comes to the same in any order;
   * tiles of a batch do so from several threads.
   */
  synchronized void addShares(int[] sums, int rows) {
    for (int row = 0; row < rows; row++) {
      int sum = shares[row] + sums[row];
      shares[row] = sum < 0 ? Integer.MAX_VALUE : sum;
    }
  }

  /** Raises [rows] shares to the largest that there have been; see {@link #addShares}. */
  synchronized void raiseShares(int[] largest, int rows) {
    for (int row = 0; row < rows; row++) {
      shares[row] = Math.max(shares[row], largest[row]);
    }
  }

  /** Begins a batch whose last {@code tokens} tokens may be taken back. */
  void beginDraft(int tokens) {
    if (observed && draftedRows.length < tokens) {
      draftedRows = new int[tokens];
      draftedShares = Arrays.copyOf(draftedShares, tokens);
    }
    Arrays.fill(draftedRows, 0);
  }

  /**
   * Keeps [rows] shares of a drafted token's queries until it is known to stay. Those of different
   * tokens may come from different threads.
   */
  void addDraftedShares(int token, int[] sums, int rows) {
    if (draftedShares[token] == null || draftedShares[token].length < rows) {
      draftedShares[token] = new int[VectorShape.roundUp(rows, KvHead.BLOCK)];
    }
    System.arraycopy(sums, 0, draftedShares[token], 0, rows);
    draftedRows[token] = rows;
  }

  /**
   * Takes the last {@code count} of {@code drafted} tokens back; the others stay.
   *
   * @param largest whether of shares the largest counts
   */
  void settle(int drafted, int count, boolean largest) {
    rows.truncate(rows.rows() - count);
    for (int token = 0; token < drafted - count && observed; token++) {
      if (largest) {
        raiseShares(draftedShares[token], draftedRows[token]);
      } else {
        addShares(draftedShares[token], draftedRows[token]);
      }
    }
    if (references != null) {
      references.takeBack(count);
    } else {
      looked(-count, 0);
    }
  }

  void forgetShares() {
    Arrays.fill(shares, 0);
  }

  /** Copies a row over an earlier one. */
  void move(int from, int to) {
    rows.move(from, to);
    positions[to] = positions[from];
    if (observed) {
      shares[to] = shares[from];
    }
  }

  void release(int rows) {
    this.rows.release(rows);
    int size = VectorShape.roundUp(Math.max(rows, this.rows.rows()), KvHead.BLOCK);
    if (positions.length > size) {
      positions = Arrays.copyOf(positions, size);
      shares = Arrays.copyOf(shares, Math.min(size, shares.length));
    }
  }

  void transfer(StateTransfer state, boolean stores) {
    rows.transfer(state, Integer.MAX_VALUE);
    fitToRows();
    state.ints(positions, rows.rows());
    if (observed) {
      state.ints(shares, rows.rows());
    }
    evicted = state.number(evicted);
    looks.transfer(state);
    if (calibration != null) {
      calibration.transfer(state);
    }
    if (stored != null && stores) {
      stored.transfer(state);
    }
    if (references != null) {
      references.transfer(state);
    }
    if (queries != null) {
      queries.transfer(state);
    }
  }

  /**
   * Takes over a prompt of {@code seen} tokens that another head has attended.
   *
   * @param recorded holds every query of the last tokens
   * @param observed [rows] shares that this head's policy would have observed
   */
  void adopt(HeadState recorded, long seen, int[] observed) {
    rows.copyFrom(recorded.rows);
    fitToRows();
    System.arraycopy(recorded.positions, 0, positions, 0, rows.rows());
    if (this.observed) {
      System.arraycopy(observed, 0, shares, 0, rows.rows());
    }
    if (queries != null) {
      queries.copyFrom(recorded.queries, seen);
    }
  }

  /** A copy of all rows' shares. */
  int[] copyOfShares() {
    return Arrays.copyOf(shares, rows.rows());
  }

  void clear() {
    rows.truncate(0);
    reading = null;
    evicted = 0;
    if (calibration != null) {
      calibration.clear();
    }
    if (references != null) {
      references.clear();
    }
    if (stored != null) {
      stored.clear();
    }
  }

  /** Bytes of rows and what a policy keeps of each. */
  long activeBytes() {
    return rows.bytes() + (long) (positions.length + shares.length) * Integer.BYTES;
  }

  /** Bytes of what stands in for evicted tokens, and of the queries it is fitted on. */
  long calibrationBytes() {
    return (calibration == null ? 0 : calibration.bytes())
        + (references == null ? 0 : references.bytes())
        + (queries == null ? 0 : queries.bytes());
  }
}
