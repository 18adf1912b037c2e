package io.calidrop.attention;

import java.util.ArrayList;
import java.util.List;

/**
 * Q8_0: signed bytes with a scale for each 32 dimensions of a row, a float32 here. A block of rows
 * is decoded to single precision just before use and stays in L1 for all its queries' quads.
 */
final class Q8KvHead extends KvHead {
  private static final int GROUP = 32;

  private final int groups;
  private final List<byte[]> keys = new ArrayList<>(); // pages of [PAGE / TILE][headDim][TILE]
  private final List<byte[]> values = new ArrayList<>(); // pages of [PAGE][valueDim]
  private final List<float[]> keyScales = new ArrayList<>(); // pages of [PAGE / TILE][groups][TILE]
  private final List<float[]> valueScales = new ArrayList<>(); // pages of [PAGE][groups]

  Q8KvHead(int headDim) {
    super(headDim);
    groups = Math.ceilDiv(headDim, GROUP);
  }

  @Override
  void addPage() {
    keys.add(new byte[PAGE * headDim]);
    values.add(new byte[PAGE * valueDim]);
    keyScales.add(new float[PAGE * groups]);
    valueScales.add(new float[PAGE * groups]);
  }

  @Override
  void set(int row, float[] key, int keyOffset, float[] value, int valueOffset) {
    int page = row / PAGE;
    int r = row % PAGE;
    int tile = r / TILE * TILE;
    for (int g = 0; g < groups; g++) {
      int from = g * GROUP;
      int to = Math.min(from + GROUP, headDim);
      float scale = scale(key, keyOffset + from, keyOffset + to);
      keyScales.get(page)[tile * groups + g * TILE + r % TILE] = scale;
      for (int d = from; d < to; d++) {
        keys.get(page)[tile * headDim + d * TILE + r % TILE] = quantised(key[keyOffset + d], scale);
      }
      scale = scale(value, valueOffset + from, valueOffset + to);
      valueScales.get(page)[r * groups + g] = scale;
      for (int d = from; d < to; d++) {
        values.get(page)[r * valueDim + d] = quantised(value[valueOffset + d], scale);
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
    return (long) keys.size() * PAGE * (headDim + valueDim + 2L * groups * Float.BYTES);
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
      decodeKeys(keys.get(row / PAGE), keyScales.get(row / PAGE), row % PAGE, scratch.keys);
      scratch.keysOf = this;
      scratch.keysRow = row;
    }
    F32KvHead.scores(scratch.keys, 0, headDim, queries, queryOffset, scores);
  }

  private void decodeKeys(byte[] keys, float[] keyScales, int row, float[] out) {
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
      decodeValues(
          values.get(row / PAGE), valueScales.get(row / PAGE), row % PAGE, count, scratch.values);
      scratch.valuesOf = this;
      scratch.valuesRow = row;
      scratch.valuesCount = count;
    }
    F32KvHead.accumulate(scratch.values, 0, valueDim, count, weights, out, offset);
  }

  private void decodeValues(byte[] values, float[] valueScales, int row, int count, float[] out) {
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
