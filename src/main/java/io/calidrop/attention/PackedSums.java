package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.tensor.VectorShape.B;
import static io.calidrop.tensor.VectorShape.BYTES;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Weighted sums of two vectors of dimensions of {@link PackedValues}, for four queries or for
 * three, straight from the packed rows; see {@link PackedScores} about their form. Weights are
 * those of codes: the rows' scales are in them.
 */
final class PackedSums {
  private static final int SIGN = 1 << 31;
  private static final IntVector LANE = IntVector.zero(I).addIndex(1);

  /** Of fields of so many bits, the mask. */
  private static final int[] TOP = {0, 0, 0, 0, -1 << 28, 15 << 27, 0, 0, -1 << 24};

  private PackedSums() {}

  /**
   * Adds sums of codes of 8 or 4 bits, of four rows a round.
   *
   * @param v where the dimensions' ints begin
   * @param rows a multiple of four
   * @param weights [4][BLOCK]
   * @param out holds [4][dim] at {@code o}
   */
  static void add(
      byte[] page,
      int v,
      int rows,
      int bits,
      float[] weights,
      boolean four,
      float[] out,
      int o,
      int dim) {
    int step = bits == 4 ? 0 : BYTES;
    int nibble = bits == 4 ? 4 : 0;
    IntVector top = IntVector.broadcast(I, TOP[bits]);
    FloatVector a0 = FloatVector.zero(F);
    FloatVector b0 = a0;
    FloatVector a1 = a0;
    FloatVector b1 = a0;
    FloatVector a2 = a0;
    FloatVector b2 = a0;
    FloatVector a3 = a0;
    FloatVector b3 = a0;
    for (int i = 0; i < rows; i += Integer.BYTES, v += BYTES + step) {
      IntVector p = (IntVector) ByteVector.fromArray(B, page, v).reinterpretShape(I, 0);
      IntVector q = (IntVector) ByteVector.fromArray(B, page, v + step).reinterpretShape(I, 0);
      q = q.lanewise(LSHL, nibble);
      FloatVector low0 = (FloatVector) p.and(top).convertShape(I2F, F, 0);
      FloatVector high0 = (FloatVector) q.and(top).convertShape(I2F, F, 0);
      FloatVector x00 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(weights[i])).reinterpretShape(F, 0);
      a0 = low0.fma(x00, a0);
      b0 = high0.fma(x00, b0);
      FloatVector x10 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(weights[i + BLOCK]))
                  .reinterpretShape(F, 0);
      a1 = low0.fma(x10, a1);
      b1 = high0.fma(x10, b1);
      FloatVector x20 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(weights[i + 2 * BLOCK]))
                  .reinterpretShape(F, 0);
      a2 = low0.fma(x20, a2);
      b2 = high0.fma(x20, b2);
      FloatVector low1 = (FloatVector) p.lanewise(LSHL, 8).and(top).convertShape(I2F, F, 0);
      FloatVector high1 = (FloatVector) q.lanewise(LSHL, 8).and(top).convertShape(I2F, F, 0);
      FloatVector x01 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(weights[i + 1]))
                  .reinterpretShape(F, 0);
      a0 = low1.fma(x01, a0);
      b0 = high1.fma(x01, b0);
      FloatVector x11 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(weights[i + 1 + BLOCK]))
                  .reinterpretShape(F, 0);
      a1 = low1.fma(x11, a1);
      b1 = high1.fma(x11, b1);
      FloatVector x21 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(weights[i + 1 + 2 * BLOCK]))
                  .reinterpretShape(F, 0);
      a2 = low1.fma(x21, a2);
      b2 = high1.fma(x21, b2);
      FloatVector low2 = (FloatVector) p.lanewise(LSHL, 16).and(top).convertShape(I2F, F, 0);
      FloatVector high2 = (FloatVector) q.lanewise(LSHL, 16).and(top).convertShape(I2F, F, 0);
      FloatVector x02 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(weights[i + 2]))
                  .reinterpretShape(F, 0);
      a0 = low2.fma(x02, a0);
      b0 = high2.fma(x02, b0);
      FloatVector x12 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(weights[i + 2 + BLOCK]))
                  .reinterpretShape(F, 0);
      a1 = low2.fma(x12, a1);
      b1 = high2.fma(x12, b1);
      FloatVector x22 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(weights[i + 2 + 2 * BLOCK]))
                  .reinterpretShape(F, 0);
      a2 = low2.fma(x22, a2);
      b2 = high2.fma(x22, b2);
      FloatVector low3 = (FloatVector) p.lanewise(LSHL, 24).and(top).convertShape(I2F, F, 0);
      FloatVector high3 = (FloatVector) q.lanewise(LSHL, 24).and(top).convertShape(I2F, F, 0);
      FloatVector x03 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(weights[i + 3]))
                  .reinterpretShape(F, 0);
      a0 = low3.fma(x03, a0);
      b0 = high3.fma(x03, b0);
      FloatVector x13 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(weights[i + 3 + BLOCK]))
                  .reinterpretShape(F, 0);
      a1 = low3.fma(x13, a1);
      b1 = high3.fma(x13, b1);
      FloatVector x23 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(weights[i + 3 + 2 * BLOCK]))
                  .reinterpretShape(F, 0);
      a2 = low3.fma(x23, a2);
      b2 = high3.fma(x23, b2);
      if (four) {
        FloatVector x30 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(weights[i + 3 * BLOCK]))
                    .reinterpretShape(F, 0);
        a3 = low0.fma(x30, a3);
        b3 = high0.fma(x30, b3);
        FloatVector x31 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(weights[i + 1 + 3 * BLOCK]))
                    .reinterpretShape(F, 0);
        a3 = low1.fma(x31, a3);
        b3 = high1.fma(x31, b3);
        FloatVector x32 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(weights[i + 2 + 3 * BLOCK]))
                    .reinterpretShape(F, 0);
        a3 = low2.fma(x32, a3);
        b3 = high2.fma(x32, b3);
        FloatVector x33 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(weights[i + 3 + 3 * BLOCK]))
                    .reinterpretShape(F, 0);
        a3 = low3.fma(x33, a3);
        b3 = high3.fma(x33, b3);
      }
    }
    FloatVector unit = FloatVector.broadcast(F, 1f / (1 << Integer.SIZE - bits));
    a0.fma(unit, FloatVector.fromArray(F, out, o)).intoArray(out, o);
    b0.fma(unit, FloatVector.fromArray(F, out, o + LANES)).intoArray(out, o + LANES);
    o += dim;
    a1.fma(unit, FloatVector.fromArray(F, out, o)).intoArray(out, o);
    b1.fma(unit, FloatVector.fromArray(F, out, o + LANES)).intoArray(out, o + LANES);
    o += dim;
    a2.fma(unit, FloatVector.fromArray(F, out, o)).intoArray(out, o);
    b2.fma(unit, FloatVector.fromArray(F, out, o + LANES)).intoArray(out, o + LANES);
    o += dim;
    a3.fma(unit, FloatVector.fromArray(F, out, o)).intoArray(out, o);
    b3.fma(unit, FloatVector.fromArray(F, out, o + LANES)).intoArray(out, o + LANES);
  }

  /**
   * Adds sums of codes of 5 bits.
   *
   * @param planes where the rows' ints of signs begin
   * @param dimension the first of these 32
   */
  static void addFive(
      byte[] page,
      int v,
      int planes,
      int dimension,
      int rows,
      float[] weights,
      boolean four,
      float[] out,
      int o,
      int dim) {
    IntVector nibble = IntVector.broadcast(I, TOP[5]);
    FloatVector a0 = FloatVector.zero(F);
    FloatVector b0 = a0;
    FloatVector a1 = a0;
    FloatVector b1 = a0;
    FloatVector a2 = a0;
    FloatVector b2 = a0;
    FloatVector a3 = a0;
    FloatVector b3 = a0;
    for (int i = 0; i < rows; v += BYTES) {
      IntVector p = (IntVector) ByteVector.fromArray(B, page, v).reinterpretShape(I, 0);
      for (int end = i + Integer.BYTES; i < end; i++, planes += Integer.BYTES) {
        int plane = (int) ByteViews.INT.get(page, planes) << dimension;
        IntVector signs = IntVector.broadcast(I, plane).lanewise(LSHL, LANE).and(SIGN);
        IntVector code = p.lanewise(LSHR, 1).and(nibble).or(signs);
        FloatVector low = (FloatVector) code.convertShape(I2F, F, 0);
        signs = IntVector.broadcast(I, plane << LANES).lanewise(LSHL, LANE).and(SIGN);
        code = p.lanewise(LSHL, 3).and(nibble).or(signs);
        FloatVector high = (FloatVector) code.convertShape(I2F, F, 0);
        p = p.lanewise(LSHL, 8);
        FloatVector x0 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(weights[i])).reinterpretShape(F, 0);
        a0 = low.fma(x0, a0);
        b0 = high.fma(x0, b0);
        FloatVector x1 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(weights[i + BLOCK]))
                    .reinterpretShape(F, 0);
        a1 = low.fma(x1, a1);
        b1 = high.fma(x1, b1);
        FloatVector x2 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(weights[i + 2 * BLOCK]))
                    .reinterpretShape(F, 0);
        a2 = low.fma(x2, a2);
        b2 = high.fma(x2, b2);
        if (four) {
          FloatVector x3 =
              (FloatVector)
                  IntVector.broadcast(I, Float.floatToRawIntBits(weights[i + 3 * BLOCK]))
                      .reinterpretShape(F, 0);
          a3 = low.fma(x3, a3);
          b3 = high.fma(x3, b3);
        }
      }
    }
    FloatVector unit = FloatVector.broadcast(F, 1f / (1 << Integer.SIZE - 5));
    a0.fma(unit, FloatVector.fromArray(F, out, o)).intoArray(out, o);
    b0.fma(unit, FloatVector.fromArray(F, out, o + LANES)).intoArray(out, o + LANES);
    o += dim;
    a1.fma(unit, FloatVector.fromArray(F, out, o)).intoArray(out, o);
    b1.fma(unit, FloatVector.fromArray(F, out, o + LANES)).intoArray(out, o + LANES);
    o += dim;
    a2.fma(unit, FloatVector.fromArray(F, out, o)).intoArray(out, o);
    b2.fma(unit, FloatVector.fromArray(F, out, o + LANES)).intoArray(out, o + LANES);
    o += dim;
    a3.fma(unit, FloatVector.fromArray(F, out, o)).intoArray(out, o);
    b3.fma(unit, FloatVector.fromArray(F, out, o + LANES)).intoArray(out, o + LANES);
  }
}
