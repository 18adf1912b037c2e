package io.calidrop.attention;

import static io.calidrop.tensor.VectorShape.B;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.LANES;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Q8_0: signed bytes with a scale for each 32 dimensions of a row, a float32 here. A block of rows
 * is decoded to single precision just before use and stays in L1 for all its queries' quads.
 *
 * <p>Each int lane holds four bytes: of keys, dimensions 2i and 2i + 1 of rows r and r + LANES; of
 * values, dimensions d and d + LANES of rows 2i and 2i + 1. Shifts decode them to four vectors.
 */
final class Q8KvHead extends KvHead {
  private static final int GROUP = 32;

  private final int groups; // of a key
  private final int valueGroups;
  private final int keyDim; // headDim, even
  private final List<byte[]> keys = new ArrayList<>(); // pages of [BLOCK / TILE][keyDim][TILE]
  private final List<byte[]> values = new ArrayList<>(); // pages of [BLOCK][valueDim]
  private final List<float[]> keyScales = new ArrayList<>(); // [BLOCK / TILE][groups][TILE]
  private final List<float[]> valueScales = new ArrayList<>(); // [BLOCK][valueGroups]

  Q8KvHead(int headDim, int valueLength) {
    super(headDim, valueLength);
    groups = Math.ceilDiv(headDim, GROUP);
    valueGroups = Math.ceilDiv(valueDim, GROUP);
    keyDim = headDim + headDim % 2;
  }

  @Override
  void addPage() {
    keys.add(new byte[BLOCK * keyDim]);
    values.add(new byte[BLOCK * valueDim]);
    keyScales.add(new float[BLOCK * groups]);
    valueScales.add(new float[BLOCK * valueGroups]);
  }

  @Override
  void removePage(int page) {
    keys.remove(page);
    values.remove(page);
    keyScales.remove(page);
    valueScales.remove(page);
  }

  @Override
  int pageBytes() {
    return BLOCK * (keyDim + valueDim + (groups + valueGroups) * Float.BYTES);
  }

  /** Where a dimension of a row's key lies in its page. */
  private int keyIndex(int row, int d) {
    int r = row % TILE;
    return (row % BLOCK - r) * keyDim + d / 2 * 2 * TILE + r % LANES * 4 + d % 2 * 2 + r / LANES;
  }

  private int keyScaleIndex(int row, int group) {
    int r = row % TILE;
    return (row % BLOCK - r) * groups + group * TILE + r;
  }

  /** Where a dimension of a row's value lies in its page. */
  private int valueIndex(int row, int d) {
    int r = row % BLOCK;
    int i = d % TILE;
    return (r - r % 2) * valueDim + (d - i) * 2 + i % LANES * 4 + r % 2 * 2 + i / LANES;
  }

  @Override
  void setKey(int row, float[] key, int offset) {
    byte[] page = keys.get(row / BLOCK);
    for (int g = 0; g < groups; g++) {
      int to = Math.min(g * GROUP + GROUP, headDim);
      float scale = scale(key, offset + g * GROUP, offset + to);
      keyScales.get(row / BLOCK)[keyScaleIndex(row, g)] = scale;
      for (int d = g * GROUP; d < to; d++) {
        page[keyIndex(row, d)] = quantised(key[offset + d], scale);
      }
    }
  }

  @Override
  void setValue(int row, float[] value, int offset) {
    byte[] page = values.get(row / BLOCK);
    for (int g = 0; g * GROUP < valueLength; g++) {
      int to = Math.min(g * GROUP + GROUP, valueLength);
      float scale = scale(value, offset + g * GROUP, offset + to);
      valueScales.get(row / BLOCK)[row % BLOCK * valueGroups + g] = scale;
      for (int d = g * GROUP; d < to; d++) {
        page[valueIndex(row, d)] = quantised(value[offset + d], scale);
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
  void getKey(int row, float[] out, int offset) {
    byte[] page = keys.get(row / BLOCK);
    float[] scales = keyScales.get(row / BLOCK);
    for (int d = 0; d < headDim; d++) {
      out[offset + d] = page[keyIndex(row, d)] * scales[keyScaleIndex(row, d / GROUP)];
    }
  }

  @Override
  void getValue(int row, float[] out, int offset) {
    byte[] page = values.get(row / BLOCK);
    float[] scales = valueScales.get(row / BLOCK);
    for (int d = 0; d < valueLength; d++) {
      out[offset + d] = page[valueIndex(row, d)] * scales[row % BLOCK * valueGroups + d / GROUP];
    }
  }

  @Override
  void move(int from, int to) {
    byte[] source = keys.get(from / BLOCK);
    byte[] target = keys.get(to / BLOCK);
    for (int d = 0; d < headDim; d++) {
      target[keyIndex(to, d)] = source[keyIndex(from, d)];
    }
    for (int g = 0; g < groups; g++) {
      keyScales.get(to / BLOCK)[keyScaleIndex(to, g)] =
          keyScales.get(from / BLOCK)[keyScaleIndex(from, g)];
    }
    source = values.get(from / BLOCK);
    target = values.get(to / BLOCK);
    for (int d = 0; d < valueLength; d++) {
      target[valueIndex(to, d)] = source[valueIndex(from, d)];
    }
    System.arraycopy(
        valueScales.get(from / BLOCK),
        from % BLOCK * valueGroups,
        valueScales.get(to / BLOCK),
        to % BLOCK * valueGroups,
        valueGroups);
  }

  @Override
  void save(int page, MemorySegment to, long offset) {
    long o = offset;
    for (byte[] bytes : List.of(keys.get(page), values.get(page))) {
      MemorySegment.copy(bytes, 0, to, JAVA_BYTE, o, bytes.length);
      o += bytes.length;
    }
    for (float[] scales : List.of(keyScales.get(page), valueScales.get(page))) {
      MemorySegment.copy(scales, 0, to, JAVA_FLOAT, o, scales.length);
      o += (long) scales.length * Float.BYTES;
    }
  }

  @Override
  void load(int page, MemorySegment from, long offset) {
    long o = offset;
    for (byte[] bytes : List.of(keys.get(page), values.get(page))) {
      MemorySegment.copy(from, JAVA_BYTE, o, bytes, 0, bytes.length);
      o += bytes.length;
    }
    for (float[] scales : List.of(keyScales.get(page), valueScales.get(page))) {
      MemorySegment.copy(from, JAVA_FLOAT, o, scales, 0, scales.length);
      o += (long) scales.length * Float.BYTES;
    }
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
      decodeKeys(keys.get(row / BLOCK), keyScales.get(row / BLOCK), scratch.keys);
      scratch.keysOf = this;
      scratch.keysRow = row;
    }
    F32KvHead.scores(scratch.keys, 0, headDim, queries, queryOffset, scores);
  }

  /** Decodes a page to [BLOCK / TILE][headDim][TILE]. */
  private void decodeKeys(byte[] keys, float[] scales, float[] out) {
    for (int tile = 0; tile < BLOCK; tile += TILE) {
      for (int d = 0; d < headDim; d += 2) {
        int s = tile * groups + d / GROUP * TILE;
        decodeKeyPair(
            keys,
            tile * keyDim + d * TILE,
            scales,
            s,
            out,
            tile * headDim + d * TILE,
            d + 1 < headDim);
      }
    }
  }

  private static void decodeKeyPair(
      byte[] keys, int k, float[] scales, int s, float[] out, int o, boolean both) {
    IntVector bytes = ByteVector.fromArray(B, keys, k).reinterpretAsInts();
    FloatVector low = FloatVector.fromArray(F, scales, s);
    FloatVector high = FloatVector.fromArray(F, scales, s + LANES);
    floats(bytes.lanewise(LSHL, 24)).mul(low).intoArray(out, o);
    floats(bytes.lanewise(LSHL, 16)).mul(high).intoArray(out, o + LANES);
    if (both) {
      floats(bytes.lanewise(LSHL, 8)).mul(low).intoArray(out, o + TILE);
      floats(bytes).mul(high).intoArray(out, o + TILE + LANES);
    }
  }

  /** The signed top byte of each lane. */
  private static FloatVector floats(IntVector bytes) {
    return (FloatVector) bytes.lanewise(ASHR, 24).convert(I2F, 0);
  }

  @Override
  void accumulate(
      int row, int count, float[] weights, float[] out, int offset, AttentionScratch scratch) {
    if (scratch.valuesOf != this || scratch.valuesRow != row || scratch.valuesCount < count) {
      decodeValues(values.get(row / BLOCK), valueScales.get(row / BLOCK), count, scratch.values);
      scratch.valuesOf = this;
      scratch.valuesRow = row;
      scratch.valuesCount = count;
    }
    F32KvHead.accumulate(scratch.values, 0, valueDim, count, weights, out, offset);
  }

  /** Decodes {@code count} rows of a page to [count, even][valueDim]. */
  private void decodeValues(byte[] values, float[] scales, int count, float[] out) {
    for (int r = 0; r < count; r += 2) {
      for (int d = 0; d < valueDim; d += TILE) {
        int s = r * valueGroups + d / GROUP;
        decodeValuePair(
            values,
            r * valueDim + 2 * d,
            scales[s],
            scales[s + valueGroups],
            out,
            r * valueDim + d,
            valueDim);
      }
    }
  }

  private static void decodeValuePair(
      byte[] values, int v, float first, float second, float[] out, int o, int valueDim) {
    IntVector bytes = ByteVector.fromArray(B, values, v).reinterpretAsInts();
    floats(bytes.lanewise(LSHL, 24)).mul(first).intoArray(out, o);
    floats(bytes.lanewise(LSHL, 16)).mul(first).intoArray(out, o + LANES);
    floats(bytes.lanewise(LSHL, 8)).mul(second).intoArray(out, o + valueDim);
    floats(bytes).mul(second).intoArray(out, o + valueDim + LANES);
  }
}
