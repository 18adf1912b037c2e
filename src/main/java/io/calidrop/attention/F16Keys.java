package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static io.calidrop.tensor.VectorShape.S;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.calidrop.tensor.Half;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * Keys in half precision, as pairs that one int lane decodes to two vectors: rows r and r + LANES
 * of a tile. Decoded numbers are too small by {@link Half#BIAS}; queries make up for it.
 */
final class F16Keys extends KeyRows {
  private final List<short[]> keys = new ArrayList<>(); // pages of [BLOCK / TILE][headDim][TILE]

  F16Keys(int headDim) {
    super(headDim);
  }

  @Override
  void addPage() {
    keys.add(new short[BLOCK * headDim]);
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
    return BLOCK * headDim * Short.BYTES;
  }

  /** Where a row's key begins in its page; its dimensions lie TILE apart. */
  private int keyOffset(int row) {
    int r = row % BLOCK;
    int i = r % TILE;
    return (r - i) * headDim + 2 * (i % LANES) + i / LANES;
  }

  @Override
  void set(int row, float[] x, int offset) {
    short[] page = keys.get(row / BLOCK);
    int k = keyOffset(row);
    for (int d = 0; d < headDim; d++) {
      page[k + d * TILE] = Float.floatToFloat16(x[offset + d]);
    }
  }

  @Override
  void get(int row, float[] out, int offset) {
    short[] page = keys.get(row / BLOCK);
    int k = keyOffset(row);
    for (int d = 0; d < headDim; d++) {
      out[offset + d] = Float.float16ToFloat(page[k + d * TILE]);
    }
  }

  @Override
  void move(int from, int to) {
    short[] source = keys.get(from / BLOCK);
    short[] target = keys.get(to / BLOCK);
    int f = keyOffset(from);
    int t = keyOffset(to);
    for (int d = 0; d < headDim * TILE; d += TILE) {
      target[t + d] = source[f + d];
    }
  }

  @Override
  void save(int page, MemorySegment to, long offset) {
    short[] k = keys.get(page);
    MemorySegment.copy(k, 0, to, JAVA_SHORT, offset, k.length);
  }

  @Override
  void load(int page, MemorySegment from, long offset) {
    short[] k = keys.get(page);
    MemorySegment.copy(from, JAVA_SHORT, offset, k, 0, k.length);
  }

  @Override
  float queryScale() {
    return Half.BIAS;
  }

  @Override
  void scores(int row, float[] queries, int queryOffset, float[] scores, AttentionScratch scratch) {
    scores(keys.get(row / BLOCK), 0, headDim, queries, queryOffset, scores);
  }

  private static void scores(
      short[] keys, int offset, int dim, float[] queries, int queryOffset, float[] scores) {
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
        IntVector pair = (IntVector) ShortVector.fromArray(S, keys, k).reinterpretShape(I, 0);
        FloatVector low = Half.scaledLow(pair);
        FloatVector high = Half.scaledHigh(pair);
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
