package io.calidrop.attention;

import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;

import java.util.ArrayList;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/** Single precision. */
final class F32KvHead extends KvHead {
  private final List<float[]> keys = new ArrayList<>(); // pages of [PAGE / TILE][headDim][TILE]
  private final List<float[]> values = new ArrayList<>(); // pages of [PAGE][valueDim]

  F32KvHead(int headDim) {
    super(headDim);
  }

  @Override
  void addPage() {
    keys.add(new float[PAGE * headDim]);
    values.add(new float[PAGE * valueDim]);
  }

  @Override
  void set(int row, float[] key, int keyOffset, float[] value, int valueOffset) {
    float[] page = keys.get(row / PAGE);
    int r = row % PAGE;
    int k = r / TILE * TILE * headDim + r % TILE;
    for (int d = 0; d < headDim; d++) {
      page[k + d * TILE] = key[keyOffset + d];
    }
    System.arraycopy(value, valueOffset, values.get(row / PAGE), r * valueDim, headDim);
  }

  @Override
  long bytes() {
    return (long) keys.size() * PAGE * (headDim + valueDim) * Float.BYTES;
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
    scores(keys.get(row / PAGE), row % PAGE * headDim, headDim, queries, queryOffset, scores);
  }

  @Override
  void accumulate(
      int row, int count, float[] weights, float[] out, int offset, AttentionScratch scratch) {
    accumulate(
        values.get(row / PAGE), row % PAGE * valueDim, valueDim, count, weights, out, offset);
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
