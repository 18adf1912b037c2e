package io.calidrop.tensor;

import static io.calidrop.tensor.MatMulScratch.TILE_SCALES;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static io.calidrop.tensor.VectorShape.S;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * Matrix-matrix kernel of four-bit weights: two tiles by four tokens.
 *
 * <p>A short lane is one row, and takes all 32 products of a block: {@link QuantizedActivations}
 * sees to it that their sum fits. Two rows are then widened by one shift and one mask, where sums
 * of half a block take six shifts; the results are the same.
 */
final class NibbleGemm {
  /**
   * Keeps the higher of two rows: as an int it is the row's sum times 2^16, as is the lower one
   * shifted; {@link QuantizedActivations#shortScales} take it back.
   */
  static final int HIGH = 0xffff0000;

  /** The lower of two rows, or of two columns in an int of a tile. */
  static final int LOW = 0xffff;

  /** What weights are unpacked less; so many times the scale goes to the minimum. */
  static final short CENTER = 8;

  private NibbleGemm() {}

  /**
   * {@code out += scale * (sum of q * x)} for blocks of 32 columns, the weights unpacked to q - 8.
   *
   * @param block index of the first block of the token group in the packed activations
   */
  static void add(
      MatMulScratch weights, QuantizedActivations x, int block, int blocks, float[] out, int o) {
    add(
        weights.shorts,
        weights.scales,
        x.shorts,
        x.shortScales,
        block,
        blocks,
        out,
        o,
        2 * Matrix.ROW_BLOCK);
  }

  private static void add(
      short[] w,
      float[] scales,
      short[] x,
      float[] xScales,
      int block,
      int blocks,
      float[] out,
      int o,
      int stride) {
    FloatVector a0 = FloatVector.fromArray(F, out, o);
    FloatVector b0 = FloatVector.fromArray(F, out, o + LANES);
    FloatVector c0 = FloatVector.fromArray(F, out, o + 2 * LANES);
    FloatVector d0 = FloatVector.fromArray(F, out, o + 3 * LANES);
    FloatVector a1 = FloatVector.fromArray(F, out, o + stride);
    FloatVector b1 = FloatVector.fromArray(F, out, o + stride + LANES);
    FloatVector c1 = FloatVector.fromArray(F, out, o + stride + 2 * LANES);
    FloatVector d1 = FloatVector.fromArray(F, out, o + stride + 3 * LANES);
    FloatVector a2 = FloatVector.fromArray(F, out, o + 2 * stride);
    FloatVector b2 = FloatVector.fromArray(F, out, o + 2 * stride + LANES);
    FloatVector c2 = FloatVector.fromArray(F, out, o + 2 * stride + 2 * LANES);
    FloatVector d2 = FloatVector.fromArray(F, out, o + 2 * stride + 3 * LANES);
    FloatVector a3 = FloatVector.fromArray(F, out, o + 3 * stride);
    FloatVector b3 = FloatVector.fromArray(F, out, o + 3 * stride + LANES);
    FloatVector c3 = FloatVector.fromArray(F, out, o + 3 * stride + 2 * LANES);
    FloatVector d3 = FloatVector.fromArray(F, out, o + 3 * stride + 3 * LANES);
    for (int b = 0; b < blocks; b++) {
      ShortVector s0 = ShortVector.zero(S);
      ShortVector t0 = s0;
      ShortVector s1 = s0;
      ShortVector t1 = s0;
      ShortVector s2 = s0;
      ShortVector t2 = s0;
      ShortVector s3 = s0;
      ShortVector t3 = s0;
      for (int k = 0; k < 32; k++) {
        int wi = (b * 32 + k) * 4 * LANES;
        int xi = ((block + b) * 32 + k) * 4;
        ShortVector ws = ShortVector.fromArray(S, w, wi);
        ShortVector wt = ShortVector.fromArray(S, w, wi + 2 * LANES);
        ShortVector x0 = ShortVector.broadcast(S, x[xi]);
        s0 = x0.mul(ws).add(s0);
        t0 = x0.mul(wt).add(t0);
        ShortVector x1 = ShortVector.broadcast(S, x[xi + 1]);
        s1 = x1.mul(ws).add(s1);
        t1 = x1.mul(wt).add(t1);
        ShortVector x2 = ShortVector.broadcast(S, x[xi + 2]);
        s2 = x2.mul(ws).add(s2);
        t2 = x2.mul(wt).add(t2);
        ShortVector x3 = ShortVector.broadcast(S, x[xi + 3]);
        s3 = x3.mul(ws).add(s3);
        t3 = x3.mul(wt).add(t3);
      }
      int at = b * 2 * LANES;
      FloatVector da = FloatVector.fromArray(F, scales, at);
      FloatVector db = FloatVector.fromArray(F, scales, at + LANES);
      FloatVector dc = FloatVector.fromArray(F, scales, at + TILE_SCALES);
      FloatVector dd = FloatVector.fromArray(F, scales, at + TILE_SCALES + LANES);
      int xb = (block + b) * 4;
      FloatVector d = FloatVector.broadcast(F, xScales[xb]);
      IntVector i = (IntVector) s0.reinterpretShape(I, 0);
      a0 = ((FloatVector) i.lanewise(LSHL, 16).convertShape(I2F, F, 0)).fma(da.mul(d), a0);
      b0 = ((FloatVector) i.and(HIGH).convertShape(I2F, F, 0)).fma(db.mul(d), b0);
      i = (IntVector) t0.reinterpretShape(I, 0);
      c0 = ((FloatVector) i.lanewise(LSHL, 16).convertShape(I2F, F, 0)).fma(dc.mul(d), c0);
      d0 = ((FloatVector) i.and(HIGH).convertShape(I2F, F, 0)).fma(dd.mul(d), d0);
      d = FloatVector.broadcast(F, xScales[xb + 1]);
      i = (IntVector) s1.reinterpretShape(I, 0);
      a1 = ((FloatVector) i.lanewise(LSHL, 16).convertShape(I2F, F, 0)).fma(da.mul(d), a1);
      b1 = ((FloatVector) i.and(HIGH).convertShape(I2F, F, 0)).fma(db.mul(d), b1);
      i = (IntVector) t1.reinterpretShape(I, 0);
      c1 = ((FloatVector) i.lanewise(LSHL, 16).convertShape(I2F, F, 0)).fma(dc.mul(d), c1);
      d1 = ((FloatVector) i.and(HIGH).convertShape(I2F, F, 0)).fma(dd.mul(d), d1);
      d = FloatVector.broadcast(F, xScales[xb + 2]);
      i = (IntVector) s2.reinterpretShape(I, 0);
      a2 = ((FloatVector) i.lanewise(LSHL, 16).convertShape(I2F, F, 0)).fma(da.mul(d), a2);
      b2 = ((FloatVector) i.and(HIGH).convertShape(I2F, F, 0)).fma(db.mul(d), b2);
      i = (IntVector) t2.reinterpretShape(I, 0);
      c2 = ((FloatVector) i.lanewise(LSHL, 16).convertShape(I2F, F, 0)).fma(dc.mul(d), c2);
      d2 = ((FloatVector) i.and(HIGH).convertShape(I2F, F, 0)).fma(dd.mul(d), d2);
      d = FloatVector.broadcast(F, xScales[xb + 3]);
      i = (IntVector) s3.reinterpretShape(I, 0);
      a3 = ((FloatVector) i.lanewise(LSHL, 16).convertShape(I2F, F, 0)).fma(da.mul(d), a3);
      b3 = ((FloatVector) i.and(HIGH).convertShape(I2F, F, 0)).fma(db.mul(d), b3);
      i = (IntVector) t3.reinterpretShape(I, 0);
      c3 = ((FloatVector) i.lanewise(LSHL, 16).convertShape(I2F, F, 0)).fma(dc.mul(d), c3);
      d3 = ((FloatVector) i.and(HIGH).convertShape(I2F, F, 0)).fma(dd.mul(d), d3);
    }
    a0.intoArray(out, o);
    b0.intoArray(out, o + LANES);
    c0.intoArray(out, o + 2 * LANES);
    d0.intoArray(out, o + 3 * LANES);
    a1.intoArray(out, o + stride);
    b1.intoArray(out, o + stride + LANES);
    c1.intoArray(out, o + stride + 2 * LANES);
    d1.intoArray(out, o + stride + 3 * LANES);
    a2.intoArray(out, o + 2 * stride);
    b2.intoArray(out, o + 2 * stride + LANES);
    c2.intoArray(out, o + 2 * stride + 2 * LANES);
    d2.intoArray(out, o + 2 * stride + 3 * LANES);
    a3.intoArray(out, o + 3 * stride);
    b3.intoArray(out, o + 3 * stride + LANES);
    c3.intoArray(out, o + 3 * stride + 2 * LANES);
    d3.intoArray(out, o + 3 * stride + 3 * LANES);
  }
}
