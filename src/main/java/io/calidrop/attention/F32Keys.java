package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/** Keys in single precision. */
final class F32Keys extends KeyRows {
  private final List<float[]> keys = new ArrayList<>(); // pages of [BLOCK / TILE][headDim][TILE]

  F32Keys(int headDim) {
    super(headDim);
  }

  @Override
  void addPage() {
    keys.add(new float[BLOCK * headDim]);
  }

  @Override
  void removePage() {
    keys.removeLast();
  }

  @Override
  void rotatePages() {
    keys.addLast(keys.removeFirst());
  }

  @Override
  int pageBytes() {
    return BLOCK * headDim * Float.BYTES;
  }

  /** Where a row's key begins in its page; its dimensions lie TILE apart. */
  private int keyOffset(int row) {
    int r = row % BLOCK;
    return r / TILE * TILE * headDim + r % TILE;
  }

  @Override
  void set(int row, float[] x, int offset) {
    float[] page = keys.get(row / BLOCK);
    int k = keyOffset(row);
    for (int d = 0; d < headDim; d++) {
      page[k + d * TILE] = x[offset + d];
    }
  }

  @Override
  void get(int row, float[] out, int offset) {
    float[] page = keys.get(row / BLOCK);
    int k = keyOffset(row);
    for (int d = 0; d < headDim; d++) {
      out[offset + d] = page[k + d * TILE];
    }
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
  }

  @Override
  void save(int page, MemorySegment to, long offset) {
    float[] k = keys.get(page);
    MemorySegment.copy(k, 0, to, JAVA_FLOAT, offset, k.length);
  }

  @Override
  void load(int page, MemorySegment from, long offset) {
    float[] k = keys.get(page);
    MemorySegment.copy(from, JAVA_FLOAT, offset, k, 0, k.length);
  }

  @Override
  float queryScale() {
    return 1;
  }

  @Override
  void scores(int row, float[] queries, int queryOffset, float[] scores, AttentionScratch scratch) {
    scores(keys.get(row / BLOCK), 0, headDim, queries, queryOffset, scores);
  }

  /**
   * Dot products of one vector with the keys of {@link KvHead#BLOCK} rows.
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
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(x[offset + d])).reinterpretShape(F, 0);
      low = FloatVector.fromArray(F, keys, k + d * TILE).fma(factor, low);
      high = FloatVector.fromArray(F, keys, k + d * TILE + LANES).fma(factor, high);
    }
    low.intoArray(out, outOffset);
    high.intoArray(out, outOffset + LANES);
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
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(queries[queryOffset + 4 * d]))
                    .reinterpretShape(F, 0);
        a0 = low.fma(x0, a0);
        b0 = high.fma(x0, b0);
        FloatVector x1 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(queries[queryOffset + 4 * d + 1]))
                    .reinterpretShape(F, 0);
        a1 = low.fma(x1, a1);
        b1 = high.fma(x1, b1);
        FloatVector x2 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(queries[queryOffset + 4 * d + 2]))
                    .reinterpretShape(F, 0);
        a2 = low.fma(x2, a2);
        b2 = high.fma(x2, b2);
        FloatVector x3 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(queries[queryOffset + 4 * d + 3]))
                    .reinterpretShape(F, 0);
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
}
