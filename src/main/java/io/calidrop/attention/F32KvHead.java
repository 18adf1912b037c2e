package io.calidrop.attention;

import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/** Single precision. */
final class F32KvHead extends KvHead {
  private final List<float[]> keys = new ArrayList<>(); // pages of [BLOCK / TILE][headDim][TILE]
  private final List<float[]> values = new ArrayList<>(); // pages of [BLOCK][valueDim]

  F32KvHead(int headDim, int valueLength) {
    super(headDim, valueLength);
  }

  @Override
  void addPage() {
    keys.add(new float[BLOCK * headDim]);
    values.add(new float[BLOCK * valueDim]);
  }

  @Override
  void removePage(int page) {
    keys.remove(page);
    values.remove(page);
  }

  @Override
  int pageBytes() {
    return BLOCK * (headDim + valueDim) * Float.BYTES;
  }

  /** Where a row's key begins in its page; its dimensions lie TILE apart. */
  private int keyOffset(int row) {
    int r = row % BLOCK;
    return r / TILE * TILE * headDim + r % TILE;
  }

  @Override
  void setKey(int row, float[] key, int offset) {
    float[] page = keys.get(row / BLOCK);
    int k = keyOffset(row);
    for (int d = 0; d < headDim; d++) {
      page[k + d * TILE] = key[offset + d];
    }
  }

  @Override
  void setValue(int row, float[] value, int offset) {
    System.arraycopy(value, offset, values.get(row / BLOCK), row % BLOCK * valueDim, valueLength);
  }

  @Override
  void getKey(int row, float[] out, int offset) {
    float[] page = keys.get(row / BLOCK);
    int k = keyOffset(row);
    for (int d = 0; d < headDim; d++) {
      out[offset + d] = page[k + d * TILE];
    }
  }

  @Override
  void getValue(int row, float[] out, int offset) {
    System.arraycopy(values.get(row / BLOCK), row % BLOCK * valueDim, out, offset, valueLength);
  }

  @Override
  void move(int from, int to) {
    float[] source = keys.get(from / BLOCK);
    float[] target = keys.get(to / BLOCK);
    int f = keyOffset(from);
    int t = keyOffset(to);
    for (int d = 0; d < headDim * TILE; d += TILE) {
      target[t + d] = source[f + d];
    }
    System.arraycopy(
        values.get(from / BLOCK),
        from % BLOCK * valueDim,
        values.get(to / BLOCK),
        to % BLOCK * valueDim,
        valueDim);
  }

  @Override
  void save(int page, MemorySegment to, long offset) {
    float[] k = keys.get(page);
    float[] v = values.get(page);
    MemorySegment.copy(k, 0, to, JAVA_FLOAT, offset, k.length);
    MemorySegment.copy(v, 0, to, JAVA_FLOAT, offset + (long) k.length * Float.BYTES, v.length);
  }

  @Override
  void load(int page, MemorySegment from, long offset) {
    float[] k = keys.get(page);
    float[] v = values.get(page);
    MemorySegment.copy(from, JAVA_FLOAT, offset, k, 0, k.length);
    MemorySegment.copy(from, JAVA_FLOAT, offset + (long) k.length * Float.BYTES, v, 0, v.length);
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
    scores(keys.get(row / BLOCK), 0, headDim, queries, queryOffset, scores);
  }

  /**
   * Dot products of one vector with the keys of {@link #BLOCK} rows.
   *
   * @param row the first row, a multiple of BLOCK
   * @param out [BLOCK] at {@code outOffset}, overwritten
   */
  void dots(int row, float[] x, int offset, float[] out, int outOffset) {
    float[] page = keys.get(row / BLOCK);
    for (int tile = 0; tile < BLOCK; tile += TILE) {
      dots(page, tile * headDim, headDim, x, offset, out, outOffset + tile);
    }
  }

  private static void dots(
      float[] keys, int k, int dim, float[] x, int offset, float[] out, int outOffset) {
    FloatVector low = FloatVector.zero(F);
    FloatVector high = low;
    for (int d = 0; d < dim; d++) {
      FloatVector factor =
          IntVector.broadcast(I, Float.floatToRawIntBits(x[offset + d])).reinterpretAsFloats();
      low = FloatVector.fromArray(F, keys, k + d * TILE).fma(factor, low);
      high = FloatVector.fromArray(F, keys, k + d * TILE + LANES).fma(factor, high);
    }
    low.intoArray(out, outOffset);
    high.intoArray(out, outOffset + LANES);
  }

  @Override
  void accumulate(
      int row, int count, float[] weights, float[] out, int offset, AttentionScratch scratch) {
    accumulate(values.get(row / BLOCK), 0, valueDim, count, weights, out, offset);
  }

  static void scores(
      float[] keys, int offset, int dim, float[] queries, int queryOffset, float[] scores) {
    int k = offset;
    for (int s = 0; s < BLOCK; s += TILE) {
      FloatVector a0 = FloatVector.zero(F);
      FloatVector b0 = a0;
      FloatVector a1 = a0;
      FloatVector b1 = a0;
      FloatVector a2 = a0;
      FloatVector b2 = a0;
      FloatVector a3 = a0;
      FloatVector b3 = a0;
      for (int d = 0; d < dim; d++, k += TILE) {
        FloatVector low = FloatVector.fromArray(F, keys, k);
        FloatVector high = FloatVector.fromArray(F, keys, k + LANES);
        FloatVector x0 =
            IntVector.broadcast(I, Float.floatToRawIntBits(queries[queryOffset + 4 * d]))
                .reinterpretAsFloats();
        a0 = low.fma(x0, a0);
        b0 = high.fma(x0, b0);
        FloatVector x1 =
            IntVector.broadcast(I, Float.floatToRawIntBits(queries[queryOffset + 4 * d + 1]))
                .reinterpretAsFloats();
        a1 = low.fma(x1, a1);
        b1 = high.fma(x1, b1);
        FloatVector x2 =
            IntVector.broadcast(I, Float.floatToRawIntBits(queries[queryOffset + 4 * d + 2]))
                .reinterpretAsFloats();
        a2 = low.fma(x2, a2);
        b2 = high.fma(x2, b2);
        FloatVector x3 =
            IntVector.broadcast(I, Float.floatToRawIntBits(queries[queryOffset + 4 * d + 3]))
                .reinterpretAsFloats();
        a3 = low.fma(x3, a3);
        b3 = high.fma(x3, b3);
      }
      a0.intoArray(scores, s);
      b0.intoArray(scores, s + LANES);
      a1.intoArray(scores, s + BLOCK);
      b1.intoArray(scores, s + BLOCK + LANES);
      a2.intoArray(scores, s + 2 * BLOCK);
      b2.intoArray(scores, s + 2 * BLOCK + LANES);
      a3.intoArray(scores, s + 3 * BLOCK);
      b3.intoArray(scores, s + 3 * BLOCK + LANES);
    }
  }

  static void accumulate(
      float[] values, int offset, int dim, int count, float[] weights, float[] out, int outOffset) {
    for (int c = 0; c < dim; c += 2 * LANES) {
      int o = outOffset + c;
      FloatVector a0 = FloatVector.fromArray(F, out, o);
      FloatVector b0 = FloatVector.fromArray(F, out, o + LANES);
      FloatVector a1 = FloatVector.fromArray(F, out, o + dim);
      FloatVector b1 = FloatVector.fromArray(F, out, o + dim + LANES);
      FloatVector a2 = FloatVector.fromArray(F, out, o + 2 * dim);
      FloatVector b2 = FloatVector.fromArray(F, out, o + 2 * dim + LANES);
      FloatVector a3 = FloatVector.fromArray(F, out, o + 3 * dim);
      FloatVector b3 = FloatVector.fromArray(F, out, o + 3 * dim + LANES);
      int v = offset + c;
      for (int s = 0; s < count; s++, v += dim) {
        FloatVector low = FloatVector.fromArray(F, values, v);
        FloatVector high = FloatVector.fromArray(F, values, v + LANES);
        FloatVector x0 =
            IntVector.broadcast(I, Float.floatToRawIntBits(weights[s])).reinterpretAsFloats();
        a0 = low.fma(x0, a0);
        b0 = high.fma(x0, b0);
        FloatVector x1 =
            IntVector.broadcast(I, Float.floatToRawIntBits(weights[s + BLOCK]))
                .reinterpretAsFloats();
        a1 = low.fma(x1, a1);
        b1 = high.fma(x1, b1);
        FloatVector x2 =
            IntVector.broadcast(I, Float.floatToRawIntBits(weights[s + 2 * BLOCK]))
                .reinterpretAsFloats();
        a2 = low.fma(x2, a2);
        b2 = high.fma(x2, b2);
        FloatVector x3 =
            IntVector.broadcast(I, Float.floatToRawIntBits(weights[s + 3 * BLOCK]))
                .reinterpretAsFloats();
        a3 = low.fma(x3, a3);
        b3 = high.fma(x3, b3);
      }
      a0.intoArray(out, o);
      b0.intoArray(out, o + LANES);
      a1.intoArray(out, o + dim);
      b1.intoArray(out, o + dim + LANES);
      a2.intoArray(out, o + 2 * dim);
      b2.intoArray(out, o + 2 * dim + LANES);
      a3.intoArray(out, o + 3 * dim);
      b3.intoArray(out, o + 3 * dim + LANES);
    }
  }
}
