package io.calidrop.tensor;

import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Matrix-matrix kernels that multiply float32 numbers: two vectors of rows by four tokens.
 * Activations are broadcast as ints, which C2 does straight from memory.
 */
final class FloatGemm {
  /** Columns unpacked at a time: two vectors of rows of each are 16 KB at 512 bits, half of L1. */
  static final int COLUMNS = 128;

  /** Whether {@link #addBlocks} has sixteen sums: AVX2 has no registers for more than eight. */
  private static final boolean SIXTEEN = VectorShape.MANY_REGISTERS;

  private FloatGemm() {}

  /** {@code out = w * x} for one vector x: the order of {@link #add}. */
  static void dot(float[] w, float[] x, int count, float[] out, int o) {
    FloatVector a = FloatVector.zero(F);
    FloatVector b = a;
    for (int c = 0; c < count; c++) {
      FloatVector xc =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(x[c])).reinterpretShape(F, 0);
      a = FloatVector.fromArray(F, w, c * 2 * LANES).fma(xc, a);
      b = FloatVector.fromArray(F, w, c * 2 * LANES + LANES).fma(xc, b);
    }
    a.intoArray(out, o);
    b.intoArray(out, o + LANES);
  }

  /**
   * {@code out += w * x} for {@code count} columns.
   *
   * @param w [count][2][lanes]
   * @param x packed activations [columns][4]
   * @param first index of the token group's first column in {@code x}
   */
  static void add(float[] w, float[] x, int first, int count, float[] out, int o) {
    FloatVector a0 = FloatVector.fromArray(F, out, o);
    FloatVector b0 = FloatVector.fromArray(F, out, o + LANES);
    FloatVector a1 = FloatVector.fromArray(F, out, o + 2 * LANES);
    FloatVector b1 = FloatVector.fromArray(F, out, o + 3 * LANES);
    FloatVector a2 = FloatVector.fromArray(F, out, o + 4 * LANES);
    FloatVector b2 = FloatVector.fromArray(F, out, o + 5 * LANES);
    FloatVector a3 = FloatVector.fromArray(F, out, o + 6 * LANES);
    FloatVector b3 = FloatVector.fromArray(F, out, o + 7 * LANES);
    for (int c = 0; c < count; c++) {
      int xi = (first + c) * 4;
      FloatVector wa = FloatVector.fromArray(F, w, c * 2 * LANES);
      FloatVector wb = FloatVector.fromArray(F, w, c * 2 * LANES + LANES);
      FloatVector x0 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(x[xi])).reinterpretShape(F, 0);
      a0 = wa.fma(x0, a0);
      b0 = wb.fma(x0, b0);
      FloatVector x1 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(x[xi + 1])).reinterpretShape(F, 0);
      a1 = wa.fma(x1, a1);
      b1 = wb.fma(x1, b1);
      FloatVector x2 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(x[xi + 2])).reinterpretShape(F, 0);
      a2 = wa.fma(x2, a2);
      b2 = wb.fma(x2, b2);
      FloatVector x3 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(x[xi + 3])).reinterpretShape(F, 0);
      a3 = wa.fma(x3, a3);
      b3 = wb.fma(x3, b3);
    }
    a0.intoArray(out, o);
    b0.intoArray(out, o + LANES);
    a1.intoArray(out, o + 2 * LANES);
    b1.intoArray(out, o + 3 * LANES);
    a2.intoArray(out, o + 4 * LANES);
    b2.intoArray(out, o + 5 * LANES);
    a3.intoArray(out, o + 6 * LANES);
    b3.intoArray(out, o + 7 * LANES);
  }

  /**
   * {@code out += scale * (sum of q * x)} for blocks of 32 columns of bytes q. The products and
   * their sums are integers below 2^24, so float32 adds them exactly: the same bits as integer
   * arithmetic, in any order. At 512 bits even and odd columns have sums of their own: sixteen
   * chains of additions keep two multipliers busy where eight wait for each other.
   *
   * @param block index of the first block of the token group in the packed activations
   */
  static void addBlocks(
      MatMulScratch weights, QuantizedActivations x, int block, int blocks, float[] out, int o) {
    addBlocks(weights.floats, weights.scales, x.integers, x.scales, block, blocks, out, o);
  }

  private static void addBlocks(
      float[] w,
      float[] scales,
      float[] x,
      float[] xScales,
      int block,
      int blocks,
      float[] out,
      int o) {
    FloatVector a0 = FloatVector.fromArray(F, out, o);
    FloatVector b0 = FloatVector.fromArray(F, out, o + LANES);
    FloatVector a1 = FloatVector.fromArray(F, out, o + 2 * LANES);
    FloatVector b1 = FloatVector.fromArray(F, out, o + 3 * LANES);
    FloatVector a2 = FloatVector.fromArray(F, out, o + 4 * LANES);
    FloatVector b2 = FloatVector.fromArray(F, out, o + 5 * LANES);
    FloatVector a3 = FloatVector.fromArray(F, out, o + 6 * LANES);
    FloatVector b3 = FloatVector.fromArray(F, out, o + 7 * LANES);
    for (int b = 0; b < blocks; b++) {
      FloatVector s0 = FloatVector.zero(F);
      FloatVector t0 = s0;
      FloatVector s1 = s0;
      FloatVector t1 = s0;
      FloatVector s2 = s0;
      FloatVector t2 = s0;
      FloatVector s3 = s0;
      FloatVector t3 = s0;
      FloatVector s0Odd = s0;
      FloatVector t0Odd = s0;
      FloatVector s1Odd = s0;
      FloatVector t1Odd = s0;
      FloatVector s2Odd = s0;
      FloatVector t2Odd = s0;
      FloatVector s3Odd = s0;
      FloatVector t3Odd = s0;
      for (int c = 0; c < 32; c += SIXTEEN ? 2 : 1) {
        int wi = (b * 32 + c) * 2 * LANES;
        int xi = ((block + b) * 32 + c) * 4;
        FloatVector wa = FloatVector.fromArray(F, w, wi);
        FloatVector wb = FloatVector.fromArray(F, w, wi + LANES);
        FloatVector x0 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(x[xi])).reinterpretShape(F, 0);
        s0 = wa.fma(x0, s0);
        t0 = wb.fma(x0, t0);
        FloatVector x1 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(x[xi + 1])).reinterpretShape(F, 0);
        s1 = wa.fma(x1, s1);
        t1 = wb.fma(x1, t1);
        FloatVector x2 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(x[xi + 2])).reinterpretShape(F, 0);
        s2 = wa.fma(x2, s2);
        t2 = wb.fma(x2, t2);
        FloatVector x3 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(x[xi + 3])).reinterpretShape(F, 0);
        s3 = wa.fma(x3, s3);
        t3 = wb.fma(x3, t3);
        if (SIXTEEN) {
          wa = FloatVector.fromArray(F, w, wi + 2 * LANES);
          wb = FloatVector.fromArray(F, w, wi + 3 * LANES);
          x0 =
              (FloatVector)
                  IntVector.broadcast(I, Float.floatToRawIntBits(x[xi + 4])).reinterpretShape(F, 0);
          s0Odd = wa.fma(x0, s0Odd);
          t0Odd = wb.fma(x0, t0Odd);
          x1 =
              (FloatVector)
                  IntVector.broadcast(I, Float.floatToRawIntBits(x[xi + 5])).reinterpretShape(F, 0);
          s1Odd = wa.fma(x1, s1Odd);
          t1Odd = wb.fma(x1, t1Odd);
          x2 =
              (FloatVector)
                  IntVector.broadcast(I, Float.floatToRawIntBits(x[xi + 6])).reinterpretShape(F, 0);
          s2Odd = wa.fma(x2, s2Odd);
          t2Odd = wb.fma(x2, t2Odd);
          x3 =
              (FloatVector)
                  IntVector.broadcast(I, Float.floatToRawIntBits(x[xi + 7])).reinterpretShape(F, 0);
          s3Odd = wa.fma(x3, s3Odd);
          t3Odd = wb.fma(x3, t3Odd);
        }
      }
      if (SIXTEEN) {
        s0 = s0Odd.add(s0);
        t0 = t0Odd.add(t0);
        s1 = s1Odd.add(s1);
        t1 = t1Odd.add(t1);
        s2 = s2Odd.add(s2);
        t2 = t2Odd.add(t2);
        s3 = s3Odd.add(s3);
        t3 = t3Odd.add(t3);
      }
      FloatVector da = FloatVector.fromArray(F, scales, b * 2 * LANES);
      FloatVector db = FloatVector.fromArray(F, scales, b * 2 * LANES + LANES);
      int xb = (block + b) * 4;
      FloatVector d = FloatVector.broadcast(F, xScales[xb]);
      a0 = s0.fma(da.mul(d), a0);
      b0 = t0.fma(db.mul(d), b0);
      d = FloatVector.broadcast(F, xScales[xb + 1]);
      a1 = s1.fma(da.mul(d), a1);
      b1 = t1.fma(db.mul(d), b1);
      d = FloatVector.broadcast(F, xScales[xb + 2]);
      a2 = s2.fma(da.mul(d), a2);
      b2 = t2.fma(db.mul(d), b2);
      d = FloatVector.broadcast(F, xScales[xb + 3]);
      a3 = s3.fma(da.mul(d), a3);
      b3 = t3.fma(db.mul(d), b3);
    }
    a0.intoArray(out, o);
    b0.intoArray(out, o + LANES);
    a1.intoArray(out, o + 2 * LANES);
    b1.intoArray(out, o + 3 * LANES);
    a2.intoArray(out, o + 4 * LANES);
    b2.intoArray(out, o + 5 * LANES);
    a3.intoArray(out, o + 6 * LANES);
    b3.intoArray(out, o + 7 * LANES);
  }
}
