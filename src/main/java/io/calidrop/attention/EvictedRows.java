package io.calidrop.attention;

import java.util.Arrays;

/** Rows on their way out of a cache, decoded: a buffer that threads use again for each head. */
final class EvictedRows {
  private final int headDim;
  private int count;
  private float[] keys = {}; // [count][headDim]
  private float[] values = {}; // [count][headDim]
  private float[] bias = {}; // [count]
  private int[] positions = {}; // [count]
  private float[] slot = {};

  EvictedRows(int headDim) {
    this.headDim = headDim;
  }

  void clear() {
    count = 0;
  }

  int count() {
    return count;
  }

  float[] keys() {
    return keys;
  }

  float[] values() {
    return values;
  }

  float[] bias() {
    return bias;
  }

  int position(int row) {
    return positions[row];
  }

  /** Room for one value of another length. */
  float[] slot(int length) {
    if (slot.length < length) {
      slot = new float[length];
    }
    return slot;
  }

  /** Adds a row of a head. */
  void add(KvHead head, int row, float bias, int position) {
    int i = next(bias, position);
    head.getKey(row, keys, i * headDim);
    head.getValue(row, values, i * headDim);
  }

  /** Adds a row: key and value [headDim] at {@code offset}. */
  void add(float[] key, float[] value, int offset, float bias, int position) {
    int i = next(bias, position);
    System.arraycopy(key, offset, keys, i * headDim, headDim);
    System.arraycopy(value, offset, values, i * headDim, headDim);
  }

  /** Adds the rows of another from {@code first} on. */
  void add(EvictedRows other, int first) {
    for (int row = first; row < other.count; row++) {
      int i = next(other.bias[row], other.positions[row]);
      System.arraycopy(other.keys, row * headDim, keys, i * headDim, headDim);
      System.arraycopy(other.values, row * headDim, values, i * headDim, headDim);
    }
  }

  private int next(float bias, int position) {
    if (count == positions.length) {
      int size = Math.max(KvHead.BLOCK, 2 * count);
      keys = Arrays.copyOf(keys, size * headDim);
      values = Arrays.copyOf(values, size * headDim);
      this.bias = Arrays.copyOf(this.bias, size);
      positions = Arrays.copyOf(positions, size);
    }
    this.bias[count] = bias;
    positions[count] = position;
    return count++;
  }
}
