package io.calidrop.attention;

import java.util.Arrays;

/**
 * Rows that stand for evicted tokens: keys and values that the attention kernel reads like those of
 * tokens, and a bias that is added to each row's score. No policy scores them and no budget counts
 * them.
 */
final class CalibrationRows {
  /** Stands for nothing. */
  static final CalibrationRows NONE = new CalibrationRows(0, 0, KvTypes.of(KvType.F32));

  /** Keys and values, in the format of the cache. */
  final KvHead rows;

  /** [rows] nominal positions, for rebasing. */
  final int[] positions;

  private final short[] biases; // [rows, padded to blocks] half-precision numbers

  private final int capacity;

  CalibrationRows(int capacity, int headDim, KvTypes types) {
    this.capacity = capacity;
    rows = types.newHead(headDim);
    biases = new short[Math.ceilDiv(capacity, KvHead.BLOCK) * KvHead.BLOCK];
    positions = new int[capacity];
  }

  int capacity() {
    return capacity;
  }

  int count() {
    return rows.rows();
  }

  void clear() {
    truncate(0);
  }

  /** Drops every row from {@code count} on. */
  void truncate(int count) {
    rows.truncate(count);
    Arrays.fill(biases, count, biases.length, (short) 0);
  }

  /** What is added to a row's scores. */
  float bias(int row) {
    return Float.float16ToFloat(biases[row]);
  }

  /** Writes the biases of a block of rows, 0 beyond those in use. */
  void biases(int row, float[] out) {
    for (int i = 0; i < KvHead.BLOCK; i++) {
      out[i] = Float.float16ToFloat(biases[row + i]);
    }
  }

  /** Copies a row over another. */
  void move(int from, int to) {
    rows.move(from, to);
    biases[to] = biases[from];
    positions[to] = positions[from];
  }

  /** Adds a row: key and value [headDim] at their offsets. */
  void add(float[] key, int keyOffset, float[] value, int valueOffset, float bias, int position) {
    int row = rows.rows();
    rows.extend(1);
    rows.set(row, key, keyOffset, value, valueOffset);
    biases[row] = Float.floatToFloat16(bias);
    positions[row] = position;
  }

  void transfer(StateTransfer state) {
    rows.transfer(state, capacity);
    state.shorts(biases, biases.length);
    state.ints(positions, positions.length);
  }

  long bytes() {
    return rows.bytes() + (long) biases.length * Short.BYTES + (long) capacity * Integer.BYTES;
  }
}
