package io.calidrop.attention;

import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static io.calidrop.tensor.VectorShape.S;

import io.calidrop.tensor.Half;
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
  private final List<short[]> keys = new ArrayList<>(); // pages of [PAGE / TILE][headDim][TILE]
  private final List<short[]> values = new ArrayList<>(); // pages of [PAGE][valueDim]

  F16KvHead(int headDim) {
    super(headDim);
  }

  @Override
  void addPage() {
    keys.add(new short[PAGE * headDim]);
    values.add(new short[PAGE * valueDim]);
  }

  @Override
  void set(int row, float[] key, int keyOffset, float[] value, int valueOffset) {
    short[] page = keys.get(row / PAGE);
    int r = row % PAGE;
    int k = r / TILE * TILE * headDim + interleaved(r % TILE);
    for (int d = 0; d < headDim; d++) {
      page[k + d * TILE] = Float.floatToFloat16(key[keyOffset + d]);
    }
    page = values.get(row / PAGE);
    int v = r * valueDim;
    for (int d = 0; d < headDim; d++) {
      page[v + d / TILE * TILE + interleaved(d % TILE)] =
          Float.floatToFloat16(value[valueOffset + d]);
    }
  }

  /** Where element {@code i} of two vectors lies when they are interleaved. */
  private static int interleaved(int i) {
    return 2 * (i % LANES) + i / LANES;
  }

  @Override
  long bytes() {
    return (long) keys.size() * PAGE * (headDim + valueDim) * Short.BYTES;
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
    scores(keys.get(row / PAGE), row % PAGE * headDim, headDim, queries, queryOffset, scores);
  }

  @Override
  void accumulate(
      int row, int count, float[] weights, float[] out, int offset, AttentionScratch scratch) {
    accumulate(
        values.get(row / PAGE), row % PAGE * valueDim, valueDim, count, weights, out, offset);
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
