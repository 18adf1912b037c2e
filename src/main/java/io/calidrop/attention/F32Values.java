package io.calidrop.attention;

import static io.calidrop.attention.ByteViews.FLOAT;
import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/** Values in single precision. */
final class F32Values extends ValueRows {
  private final Pages<float[]> pages; // of [BLOCK][valueDim]

  F32Values(int valueLength) {
    super(valueLength);
    pages = new Pages<>(float[]::new, BLOCK * valueDim);
  }

  @Override
  Pages<?> pages() {
    return pages;
  }

  /** Where a row's value begins in its array. */
  private int offset(int row) {
    return pages.offset(row / BLOCK) + row % BLOCK * valueDim;
  }

  @Override
  int pageBytes() {
    return BLOCK * valueDim * Float.BYTES;
  }

  @Override
  void set(int row, float[] x, int offset) {
    System.arraycopy(x, offset, pages.array(row / BLOCK), offset(row), valueLength);
  }

  @Override
  void get(int row, float[] out, int offset) {
    System.arraycopy(pages.array(row / BLOCK), offset(row), out, offset, valueLength);
  }

  @Override
  void move(int from, int to) {
    System.arraycopy(
        pages.array(from / BLOCK), offset(from), pages.array(to / BLOCK), offset(to), valueDim);
  }

  @Override
  int rowBytes() {
    return valueLength * Float.BYTES;
  }

  @Override
  void encodeRow(float[] x, int offset, byte[] to, int o) {
    for (int d = 0; d < valueLength; d++) {
      FLOAT.set(to, o + d * Float.BYTES, x[offset + d]);
    }
  }

  @Override
  void decodeRows(byte[] from, int offset, int stride, int count, float[] out, int o, int length) {
    for (int row = 0; row < count; row++) {
      int at = offset + row * stride;
      int to = o + row * length;
      for (int d = 0; d < valueLength; d++) {
        out[to + d] = (float) FLOAT.get(from, at + d * Float.BYTES);
      }
      Arrays.fill(out, to + valueLength, to + valueDim, 0f);
    }
  }

  @Override
  void save(int page, MemorySegment to, long offset) {
    MemorySegment.copy(
        pages.array(page), pages.offset(page), to, JAVA_FLOAT, offset, BLOCK * valueDim);
  }

  @Override
  void load(int page, MemorySegment from, long offset) {
    MemorySegment.copy(
        from, JAVA_FLOAT, offset, pages.array(page), pages.offset(page), BLOCK * valueDim);
  }

  @Override
  float weightScale() {
    return 1;
  }

  @Override
  void accumulate(
      int row, int count, float[] weights, float[] out, int offset, AttentionScratch scratch) {
    accumulate(pages.array(row / BLOCK), offset(row), valueDim, count, weights, out, offset);
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
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(weights[s])).reinterpretShape(F, 0);
        a0 = low.fma(x0, a0);
        b0 = high.fma(x0, b0);
        FloatVector x1 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(weights[s + BLOCK]))
                    .reinterpretShape(F, 0);
        a1 = low.fma(x1, a1);
        b1 = high.fma(x1, b1);
        FloatVector x2 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(weights[s + 2 * BLOCK]))
                    .reinterpretShape(F, 0);
        a2 = low.fma(x2, a2);
        b2 = high.fma(x2, b2);
        FloatVector x3 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(weights[s + 3 * BLOCK]))
                    .reinterpretShape(F, 0);
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
