package io.calidrop.attention;

import static io.calidrop.attention.ByteViews.SHORT;
import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static io.calidrop.tensor.VectorShape.S;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.calidrop.tensor.Half;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * Values in half precision, as pairs that one int lane decodes to two vectors: dimensions d and d +
 * LANES. Decoded numbers are too small by {@link Half#BIAS}; weights make up for it.
 */
final class F16Values extends ValueRows {
  private final Pages<short[]> pages; // of [BLOCK][valueDim]

  F16Values(int valueLength) {
    super(valueLength);
    pages = new Pages<>(short[]::new, BLOCK * valueDim);
  }

  @Override
  Pages<?> pages() {
    return pages;
  }

  @Override
  int pageBytes() {
    return BLOCK * valueDim * Short.BYTES;
  }

  /** Where a row's value begins in its array. */
  private int offset(int row) {
    return pages.offset(row / BLOCK) + row % BLOCK * valueDim;
  }

  /** Where a dimension of a row's value lies in its array. */
  private int valueOffset(int row, int d) {
    int i = d % (2 * LANES);
    return offset(row) + d - i + 2 * (i % LANES) + i / LANES;
  }

  @Override
  void set(int row, float[] x, int offset) {
    short[] page = pages.array(row / BLOCK);
    for (int d = 0; d < valueLength; d++) {
      page[valueOffset(row, d)] = Float.floatToFloat16(x[offset + d]);
    }
  }

  @Override
  void get(int row, float[] out, int offset) {
    short[] page = pages.array(row / BLOCK);
    for (int d = 0; d < valueLength; d++) {
      out[offset + d] = Float.float16ToFloat(page[valueOffset(row, d)]);
    }
  }

  @Override
  void move(int from, int to) {
    System.arraycopy(
        pages.array(from / BLOCK), offset(from), pages.array(to / BLOCK), offset(to), valueDim);
  }

  @Override
  int rowBytes() {
    return valueLength * Short.BYTES;
  }

  @Override
  void encodeRow(float[] x, int offset, byte[] to, int o) {
    for (int d = 0; d < valueLength; d++) {
      SHORT.set(to, o + d * Short.BYTES, Float.floatToFloat16(x[offset + d]));
    }
  }

  @Override
  void decodeRows(byte[] from, int offset, int stride, int count, float[] out, int o, int length) {
    for (int row = 0; row < count; row++) {
      int at = offset + row * stride;
      int to = o + row * length;
      for (int d = 0; d < valueLength; d++) {
        out[to + d] = Float.float16ToFloat((short) SHORT.get(from, at + d * Short.BYTES));
      }
      Arrays.fill(out, to + valueLength, to + valueDim, 0f);
    }
  }

  @Override
  void save(int page, MemorySegment to, long offset) {
    MemorySegment.copy(
        pages.array(page), pages.offset(page), to, JAVA_SHORT, offset, BLOCK * valueDim);
  }

  @Override
  void load(int page, MemorySegment from, long offset) {
    MemorySegment.copy(
        from, JAVA_SHORT, offset, pages.array(page), pages.offset(page), BLOCK * valueDim);
  }

  @Override
  float weightScale() {
    return Half.BIAS;
  }

  @Override
  void accumulate(
      int row, int count, float[] weights, float[] out, int offset, AttentionScratch scratch) {
    accumulate(pages.array(row / BLOCK), offset(row), valueDim, count, weights, out, offset);
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
        IntVector pair = (IntVector) ShortVector.fromArray(S, values, v).reinterpretShape(I, 0);
        FloatVector low = Half.scaledLow(pair);
        FloatVector high = Half.scaledHigh(pair);
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
