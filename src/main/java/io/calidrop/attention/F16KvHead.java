package io.calidrop.attention;

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
 * Half precision, as pairs that one int lane decodes to two vectors: rows r and r + LANES of a key
 * tile, dimensions d and d + LANES of a value. Decoded numbers are too small by {@link Half#BIAS};
 * queries and weights make up for it.
 */
final class F16KvHead extends KvHead {
  private final List<short[]> keys = new ArrayList<>(); // pages of [BLOCK / TILE][headDim][TILE]
  private final List<short[]> values = new ArrayList<>(); // pages of [BLOCK][valueDim]

  F16KvHead(int headDim, int valueLength) {
    super(headDim, valueLength);
  }

  @Override
  void addPage() {
    keys.add(new short[BLOCK * headDim]);
    values.add(new short[BLOCK * valueDim]);
  }

  @Override
  void removePage(int page) {
    keys.remove(page);
    values.remove(page);
  }

  @Override
  int pageBytes() {
    return BLOCK * (headDim + valueDim) * Short.BYTES;
  }

  /** Where element {@code i} of two vectors lies when they are interleaved. */
  private static int interleaved(int i) {
    return 2 * (i % LANES) + i / LANES;
  }

  /** Where a row's key begins in its page; its dimensions lie TILE apart. */
  private int keyOffset(int row) {
    int r = row % BLOCK;
    return r / TILE * TILE * headDim + interleaved(r % TILE);
  }

  /** Where a dimension of a row's value lies in its page. */
  private int valueOffset(int row, int d) {
    return row % BLOCK * valueDim + d / TILE * TILE + interleaved(d % TILE);
  }

  @Override
  void setKey(int row, float[] key, int offset) {
    short[] page = keys.get(row / BLOCK);
    int k = keyOffset(row);
    for (int d = 0; d < headDim; d++) {
      page[k + d * TILE] = Float.floatToFloat16(key[offset + d]);
    }
  }

  @Override
  void setValue(int row, float[] value, int offset) {
    short[] page = values.get(row / BLOCK);
    for (int d = 0; d < valueLength; d++) {
      page[valueOffset(row, d)] = Float.floatToFloat16(value[offset + d]);
    }
  }

  @Override
  void getKey(int row, float[] out, int offset) {
    short[] page = keys.get(row / BLOCK);
    int k = keyOffset(row);
    for (int d = 0; d < headDim; d++) {
      out[offset + d] = Float.float16ToFloat(page[k + d * TILE]);
    }
  }

  @Override
  void getValue(int row, float[] out, int offset) {
    short[] page = values.get(row / BLOCK);
    for (int d = 0; d < valueLength; d++) {
      out[offset + d] = Float.float16ToFloat(page[valueOffset(row, d)]);
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
    System.arraycopy(
        values.get(from / BLOCK),
        from % BLOCK * valueDim,
        values.get(to / BLOCK),
        to % BLOCK * valueDim,
        valueDim);
  }

  @Override
  void save(int page, MemorySegment to, long offset) {
    short[] k = keys.get(page);
    short[] v = values.get(page);
    MemorySegment.copy(k, 0, to, JAVA_SHORT, offset, k.length);
    MemorySegment.copy(v, 0, to, JAVA_SHORT, offset + (long) k.length * Short.BYTES, v.length);
  }

  @Override
  void load(int page, MemorySegment from, long offset) {
    short[] k = keys.get(page);
    short[] v = values.get(page);
    MemorySegment.copy(from, JAVA_SHORT, offset, k, 0, k.length);
    MemorySegment.copy(from, JAVA_SHORT, offset + (long) k.length * Short.BYTES, v, 0, v.length);
  }

  @Override
  float queryScale() {
    return Half.BIAS;
  }

  @Override
  float weightScale() {
    return Half.BIAS;
  }

  @Override
  void scores(int row, float[] queries, int queryOffset, float[] scores, AttentionScratch scratch) {
    scores(keys.get(row / BLOCK), 0, headDim, queries, queryOffset, scores);
  }

  @Override
  void accumulate(
      int row, int count, float[] weights, float[] out, int offset, AttentionScratch scratch) {
    accumulate(values.get(row / BLOCK), 0, valueDim, count, weights, out, offset);
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
        IntVector pair = ShortVector.fromArray(S, keys, k).reinterpretAsInts();
        FloatVector low = Half.scaledLow(pair);
        FloatVector high = Half.scaledHigh(pair);
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

  private static void accumulate(
      short[] values, int offset, int dim, int count, float[] weights, float[] out, int outOffset) {
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
        IntVector pair = ShortVector.fromArray(S, values, v).reinterpretAsInts();
        FloatVector low = Half.scaledLow(pair);
        FloatVector high = Half.scaledHigh(pair);
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
