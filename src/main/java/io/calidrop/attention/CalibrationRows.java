package io.calidrop.attention;

import static io.calidrop.attention.KeyRows.TILE;
import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static io.calidrop.tensor.VectorShape.S;

import io.calidrop.tensor.Half;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

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

  private final short[] biases; // [rows, padded to blocks] half-precision numbers, see index

  private final int capacity;

  CalibrationRows(int capacity, int headDim, KvTypes types) {
    this.capacity = capacity;
    rows = types.newHead(headDim);
    biases = new short[Math.ceilDiv(capacity, BLOCK) * BLOCK];
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
    for (int row = count; row < biases.length; row++) {
      biases[index(row)] = 0;
    }
  }

  /** Where a row's bias lies: rows r and r + LANES of a tile are the halves of an int. */
  private static int index(int row) {
    int r = row % TILE;
    return row - r + 2 * (r % LANES) + r / LANES;
  }

  /** What is added to a row's scores. */
  float bias(int row) {
    return Half.single(biases[index(row)]);
  }

  /** Adds biases to {@code scores[from ..]} of the block that begins with {@code row}. */
  void addBiases(int row, float[] scores, int from) {
    for (int i = 0; i < BLOCK; i += TILE) {
      int o = from + i;
      IntVector pairs =
          (IntVector) ShortVector.fromArray(S, biases, row + i).reinterpretShape(I, 0);
      Half.low(pairs).add(FloatVector.fromArray(F, scores, o)).intoArray(scores, o);
      o += LANES;
      Half.high(pairs).add(FloatVector.fromArray(F, scores, o)).intoArray(scores, o);
    }
  }

  /** Copies a row over another. */
  void move(int from, int to) {
    rows.move(from, to);
    biases[index(to)] = biases[index(from)];
    positions[to] = positions[from];
  }

  /** Adds a row: key and value [headDim] at their offsets. */
  void add(float[] key, int keyOffset, float[] value, int valueOffset, float bias, int position) {
    int row = rows.rows();
    rows.extend(1);
    rows.set(row, key, keyOffset, value, valueOffset);
    biases[index(row)] = Float.floatToFloat16(bias);
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
