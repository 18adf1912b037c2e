package io.calidrop.attention;

import java.util.Arrays;

/**
 * Q8_0: signed bytes with a scale for each 32 dimensions of a row, a float32 here. A block of rows
 * is decoded to single precision just before use and stays in L1 for all its queries' quads.
 */
final class Q8KvHead extends KvHead {
  private static final int GROUP = 32;

  private final int groups;
  private byte[] keys = {}; // [rows / TILE][headDim][TILE]
  private byte[] values = {}; // [rows][valueDim]
  private float[] keyScales = {}; // [rows / TILE][groups][TILE]
  private float[] valueScales = {}; // [rows][groups]

  Q8KvHead(int headDim) {
    super(headDim);
    groups = Math.ceilDiv(headDim, GROUP);
  }

  @Override
  void grow(int capacity) {
    keys = Arrays.copyOf(keys, Math.multiplyExact(capacity, headDim));
    values = Arrays.copyOf(values, Math.multiplyExact(capacity, valueDim));
    keyScales = Arrays.copyOf(keyScales, capacity * groups);
    valueScales = Arrays.copyOf(valueScales, capacity * groups);
  }

  @Override
  void set(int row, float[] key, int keyOffset, float[] value, int valueOffset) {
    int tile = row / TILE * TILE;
    for (int g = 0; g < groups; g++) {
      int from = g * GROUP;
      int to = Math.min(from + GROUP, headDim);
      float scale = scale(key, keyOffset + from, keyOffset + to);
      keyScales[tile * groups + g * TILE + row % TILE] = scale;
      for (int d = from; d < to; d++) {
        keys[tile * headDim + d * TILE + row % TILE] = quantised(key[keyOffset + d], scale);
      }
      scale = scale(value, valueOffset + from, valueOffset + to);
      valueScales[row * groups + g] = scale;
      for (int d = from; d < to; d++) {
        values[row * valueDim + d] = quantised(value[valueOffset + d], scale);
      }
    }
  }

  private static float scale(float[] x, int from, int to) {
    float max = 0;
    for (int i = from; i < to; i++) {
      max = Math.max(max, Math.abs(x[i]));
    }
    return max / 127f;
  }

  private static byte quantised(float x, float scale) {
    return scale == 0 ? 0 : (byte) Math.round(x / scale);
  }

  @Override
  long bytes() {
    return (long) keys.length
        + values.length
        + Float.BYTES * ((long) keyScales.length + valueScales.length);
  }

  @Override
  float queryScale() {
    return 1;
  }

  @Override
  float weightScale() {
    return 1;
  }

  @Override
  void scores(int row, float[] queries, int queryOffset, float[] scores, AttentionScratch scratch) {
    if (scratch.keysOf != this || scratch.keysRow != row) {
      decodeKeys(row, scratch.keys);
      scratch.keysOf = this;
      scratch.keysRow = row;
    }
    F32KvHead.scores(scratch.keys, 0, headDim, queries, queryOffset, scores);
  }

  private void decodeKeys(int row, float[] out) {
    for (int tile = 0; tile < BLOCK; tile += TILE) {
      int k = (row + tile) * headDim;
      for (int d = 0; d < headDim; d++) {
        int scales = (row + tile) * groups + d / GROUP * TILE;
        int o = tile * headDim + d * TILE;
        for (int r = 0; r < TILE; r++) {
          out[o + r] = keys[k + d * TILE + r] * keyScales[scales + r];
        }
      }
    }
  }

  @Override
  void accumulate(
      int row, int count, float[] weights, float[] out, int offset, AttentionScratch scratch) {
    if (scratch.valuesOf != this || scratch.valuesRow != row || scratch.valuesCount < count) {
      decodeValues(row, count, scratch.values);
      scratch.valuesOf = this;
      scratch.valuesRow = row;
      scratch.valuesCount = count;
    }
    F32KvHead.accumulate(scratch.values, 0, valueDim, count, weights, out, offset);
  }

  private void decodeValues(int row, int count, float[] out) {
    for (int r = 0; r < count; r++) {
      int v = (row + r) * valueDim;
      for (int g = 0; g < groups; g++) {
        float scale = valueScales[(row + r) * groups + g];
        int to = Math.min(g * GROUP + GROUP, headDim);
        for (int d = g * GROUP; d < to; d++) {
          out[r * valueDim + d] = values[v + d] * scale;
        }
      }
    }
  }
}
