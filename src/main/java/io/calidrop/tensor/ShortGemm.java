package io.calidrop.tensor;

import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static io.calidrop.tensor.VectorShape.S;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * Matrix-matrix kernels of weights that are small integers: two vectors of rows by four tokens.
 *
 * <p>Sixteen-bit multiplication has twice the lanes of float32 and needs no conversion of the
 * products; the eight sums of a block, the two weight vectors and the broadcast activation stay in
 * registers. Shared by formats, since they read unpacked weights from heap arrays always.
 */
final class ShortGemm {
  private ShortGemm() {}

  /**
   * {@code out += scale * (sum of q * x) + minimum * (sum of x)} for blocks of 32 columns, the
   * weights unpacked to q - 8.
   *
   * @param block index of the first block of the token group in the packed activations
   */
  static void addWithMinima(
      MatMulScratch weights,
      QuantizedActivations x,
      int block,
      int blocks,
      float[] out,
      int o,
      int stride) {
    addWithMinima(
        weights.shorts,
        weights.scales,
        weights.minima,
        x.pairs,
        x.scales,
        x.sums,
        x.totals,
        block,
        blocks,
        out,
        o,
        stride);
  }

  private static void addWithMinima(
      short[] w,
      float[] scales,
      float[] minima,
      int[] x,
      float[] xScales,
      float[] xSums,
      int[] xTotals,
      int block,
      int blocks,
      float[] out,
      int o,
      int stride) {
    int o1 = o + stride;
    int o2 = o1 + stride;
    int o3 = o2 + stride;
    FloatVector a0 = FloatVector.fromArray(F, out, o);
    FloatVector b0 = FloatVector.fromArray(F, out, o + LANES);
    FloatVector a1 = FloatVector.fromArray(F, out, o1);
    FloatVector b1 = FloatVector.fromArray(F, out, o1 + LANES);
    FloatVector a2 = FloatVector.fromArray(F, out, o2);
    FloatVector b2 = FloatVector.fromArray(F, out, o2 + LANES);
    FloatVector a3 = FloatVector.fromArray(F, out, o3);
    FloatVector b3 = FloatVector.fromArray(F, out, o3 + LANES);
    for (int b = 0; b < blocks; b++) {
      ShortVector s0 = ShortVector.zero(S);
      ShortVector t0 = s0;
      ShortVector s1 = s0;
      ShortVector t1 = s0;
      ShortVector s2 = s0;
      ShortVector t2 = s0;
      ShortVector s3 = s0;
      ShortVector t3 = s0;
      for (int k = 0; k < 16; k++) {
        int wi = (b * 16 + k) * 4 * LANES;
        int xi = ((block + b) * 16 + k) * 4;
        ShortVector wa = ShortVector.fromArray(S, w, wi);
        ShortVector wb = ShortVector.fromArray(S, w, wi + 2 * LANES);
        ShortVector x0 = (ShortVector) IntVector.broadcast(I, x[xi]).reinterpretShape(S, 0);
        s0 = x0.mul(wa).add(s0);
        t0 = x0.mul(wb).add(t0);
        ShortVector x1 = (ShortVector) IntVector.broadcast(I, x[xi + 1]).reinterpretShape(S, 0);
        s1 = x1.mul(wa).add(s1);
        t1 = x1.mul(wb).add(t1);
        ShortVector x2 = (ShortVector) IntVector.broadcast(I, x[xi + 2]).reinterpretShape(S, 0);
        s2 = x2.mul(wa).add(s2);
        t2 = x2.mul(wb).add(t2);
        ShortVector x3 = (ShortVector) IntVector.broadcast(I, x[xi + 3]).reinterpretShape(S, 0);
        s3 = x3.mul(wa).add(s3);
        t3 = x3.mul(wb).add(t3);
      }
      FloatVector da = FloatVector.fromArray(F, scales, b * 2 * LANES);
      FloatVector db = FloatVector.fromArray(F, scales, b * 2 * LANES + LANES);
      FloatVector ma = FloatVector.fromArray(F, minima, b * 2 * LANES);
      FloatVector mb = FloatVector.fromArray(F, minima, b * 2 * LANES + LANES);
      int xb = (block + b) * 4;
      FloatVector d = FloatVector.broadcast(F, xScales[xb]);
      FloatVector e = FloatVector.broadcast(F, xSums[xb]);
      IntVector total = IntVector.broadcast(I, xTotals[xb]);
      IntVector i;
      i = (IntVector) s0.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16)).add(total);
      a0 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(da.mul(d), ma.fma(e, a0));
      i = (IntVector) t0.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16)).add(total);
      b0 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(db.mul(d), mb.fma(e, b0));
      d = FloatVector.broadcast(F, xScales[xb + 1]);
      e = FloatVector.broadcast(F, xSums[xb + 1]);
      total = IntVector.broadcast(I, xTotals[xb + 1]);
      i = (IntVector) s1.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16)).add(total);
      a1 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(da.mul(d), ma.fma(e, a1));
      i = (IntVector) t1.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16)).add(total);
      b1 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(db.mul(d), mb.fma(e, b1));
      d = FloatVector.broadcast(F, xScales[xb + 2]);
      e = FloatVector.broadcast(F, xSums[xb + 2]);
      total = IntVector.broadcast(I, xTotals[xb + 2]);
      i = (IntVector) s2.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16)).add(total);
      a2 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(da.mul(d), ma.fma(e, a2));
      i = (IntVector) t2.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16)).add(total);
      b2 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(db.mul(d), mb.fma(e, b2));
      d = FloatVector.broadcast(F, xScales[xb + 3]);
      e = FloatVector.broadcast(F, xSums[xb + 3]);
      total = IntVector.broadcast(I, xTotals[xb + 3]);
      i = (IntVector) s3.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16)).add(total);
      a3 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(da.mul(d), ma.fma(e, a3));
      i = (IntVector) t3.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16)).add(total);
      b3 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(db.mul(d), mb.fma(e, b3));
    }
    a0.intoArray(out, o);
    b0.intoArray(out, o + LANES);
    a1.intoArray(out, o1);
    b1.intoArray(out, o1 + LANES);
    a2.intoArray(out, o2);
    b2.intoArray(out, o2 + LANES);
    a3.intoArray(out, o3);
    b3.intoArray(out, o3 + LANES);
  }

  /**
   * {@code out += scale * (sum of q * x)} for blocks of 32 columns.
   *
   * @param block index of the first block of the token group in the packed activations
   */
  static void add(
      MatMulScratch weights,
      QuantizedActivations x,
      int block,
      int blocks,
      float[] out,
      int o,
      int stride) {
    add(weights.shorts, weights.scales, x.pairs, x.scales, block, blocks, out, o, stride);
  }

  private static void add(
      short[] w,
      float[] scales,
      int[] x,
      float[] xScales,
      int block,
      int blocks,
      float[] out,
      int o,
      int stride) {
    int o1 = o + stride;
    int o2 = o1 + stride;
    int o3 = o2 + stride;
    FloatVector a0 = FloatVector.fromArray(F, out, o);
    FloatVector b0 = FloatVector.fromArray(F, out, o + LANES);
    FloatVector a1 = FloatVector.fromArray(F, out, o1);
    FloatVector b1 = FloatVector.fromArray(F, out, o1 + LANES);
    FloatVector a2 = FloatVector.fromArray(F, out, o2);
    FloatVector b2 = FloatVector.fromArray(F, out, o2 + LANES);
    FloatVector a3 = FloatVector.fromArray(F, out, o3);
    FloatVector b3 = FloatVector.fromArray(F, out, o3 + LANES);
    for (int b = 0; b < blocks; b++) {
      ShortVector s0 = ShortVector.zero(S);
      ShortVector t0 = s0;
      ShortVector s1 = s0;
      ShortVector t1 = s0;
      ShortVector s2 = s0;
      ShortVector t2 = s0;
      ShortVector s3 = s0;
      ShortVector t3 = s0;
      for (int k = 0; k < 16; k++) {
        int wi = (b * 16 + k) * 4 * LANES;
        int xi = ((block + b) * 16 + k) * 4;
        ShortVector wa = ShortVector.fromArray(S, w, wi);
        ShortVector wb = ShortVector.fromArray(S, w, wi + 2 * LANES);
        ShortVector x0 = (ShortVector) IntVector.broadcast(I, x[xi]).reinterpretShape(S, 0);
        s0 = x0.mul(wa).add(s0);
        t0 = x0.mul(wb).add(t0);
        ShortVector x1 = (ShortVector) IntVector.broadcast(I, x[xi + 1]).reinterpretShape(S, 0);
        s1 = x1.mul(wa).add(s1);
        t1 = x1.mul(wb).add(t1);
        ShortVector x2 = (ShortVector) IntVector.broadcast(I, x[xi + 2]).reinterpretShape(S, 0);
        s2 = x2.mul(wa).add(s2);
        t2 = x2.mul(wb).add(t2);
        ShortVector x3 = (ShortVector) IntVector.broadcast(I, x[xi + 3]).reinterpretShape(S, 0);
        s3 = x3.mul(wa).add(s3);
        t3 = x3.mul(wb).add(t3);
      }
      FloatVector da = FloatVector.fromArray(F, scales, b * 2 * LANES);
      FloatVector db = FloatVector.fromArray(F, scales, b * 2 * LANES + LANES);
      int xb = (block + b) * 4;
      IntVector i;
      FloatVector d = FloatVector.broadcast(F, xScales[xb]);
      i = (IntVector) s0.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16));
      a0 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(da.mul(d), a0);
      i = (IntVector) t0.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16));
      b0 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(db.mul(d), b0);
      d = FloatVector.broadcast(F, xScales[xb + 1]);
      i = (IntVector) s1.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16));
      a1 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(da.mul(d), a1);
      i = (IntVector) t1.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16));
      b1 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(db.mul(d), b1);
      d = FloatVector.broadcast(F, xScales[xb + 2]);
      i = (IntVector) s2.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16));
      a2 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(da.mul(d), a2);
      i = (IntVector) t2.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16));
      b2 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(db.mul(d), b2);
      d = FloatVector.broadcast(F, xScales[xb + 3]);
      i = (IntVector) s3.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16));
      a3 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(da.mul(d), a3);
      i = (IntVector) t3.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16));
      b3 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(db.mul(d), b3);
    }
    a0.intoArray(out, o);
    b0.intoArray(out, o + LANES);
    a1.intoArray(out, o1);
    b1.intoArray(out, o1 + LANES);
    a2.intoArray(out, o2);
    b2.intoArray(out, o2 + LANES);
    a3.intoArray(out, o3);
    b3.intoArray(out, o3 + LANES);
  }

  /**
   * {@code out += scale * (sum of q * x)} for half blocks of 16 columns with a scale each: the even
   * pairs of a block are its first half, the odd ones its second, see {@link
   * QuantizedActivations#PAIR_COLUMNS}.
   *
   * @param block index of the first block of the token group in the packed activations
   */
  static void addHalves(
      MatMulScratch weights,
      QuantizedActivations x,
      int block,
      int blocks,
      float[] out,
      int o,
      int stride) {
    addHalves(weights.shorts, weights.scales, x.pairs, x.scales, block, blocks, out, o, stride);
  }

  private static void addHalves(
      short[] w,
      float[] scales,
      int[] x,
      float[] xScales,
      int block,
      int blocks,
      float[] out,
      int o,
      int stride) {
    int o1 = o + stride;
    int o2 = o1 + stride;
    int o3 = o2 + stride;
    FloatVector a0 = FloatVector.fromArray(F, out, o);
    FloatVector b0 = FloatVector.fromArray(F, out, o + LANES);
    FloatVector a1 = FloatVector.fromArray(F, out, o1);
    FloatVector b1 = FloatVector.fromArray(F, out, o1 + LANES);
    FloatVector a2 = FloatVector.fromArray(F, out, o2);
    FloatVector b2 = FloatVector.fromArray(F, out, o2 + LANES);
    FloatVector a3 = FloatVector.fromArray(F, out, o3);
    FloatVector b3 = FloatVector.fromArray(F, out, o3 + LANES);
    for (int h = 0; h < 2 * blocks; h++) {
      int b = h >> 1;
      ShortVector s0 = ShortVector.zero(S);
      ShortVector t0 = s0;
      ShortVector s1 = s0;
      ShortVector t1 = s0;
      ShortVector s2 = s0;
      ShortVector t2 = s0;
      ShortVector s3 = s0;
      ShortVector t3 = s0;
      for (int k = h & 1; k < 16; k += 2) {
        int wi = (b * 16 + k) * 4 * LANES;
        int xi = ((block + b) * 16 + k) * 4;
        ShortVector wa = ShortVector.fromArray(S, w, wi);
        ShortVector wb = ShortVector.fromArray(S, w, wi + 2 * LANES);
        ShortVector x0 = (ShortVector) IntVector.broadcast(I, x[xi]).reinterpretShape(S, 0);
        s0 = x0.mul(wa).add(s0);
        t0 = x0.mul(wb).add(t0);
        ShortVector x1 = (ShortVector) IntVector.broadcast(I, x[xi + 1]).reinterpretShape(S, 0);
        s1 = x1.mul(wa).add(s1);
        t1 = x1.mul(wb).add(t1);
        ShortVector x2 = (ShortVector) IntVector.broadcast(I, x[xi + 2]).reinterpretShape(S, 0);
        s2 = x2.mul(wa).add(s2);
        t2 = x2.mul(wb).add(t2);
        ShortVector x3 = (ShortVector) IntVector.broadcast(I, x[xi + 3]).reinterpretShape(S, 0);
        s3 = x3.mul(wa).add(s3);
        t3 = x3.mul(wb).add(t3);
      }
      FloatVector da = FloatVector.fromArray(F, scales, h * 2 * LANES);
      FloatVector db = FloatVector.fromArray(F, scales, h * 2 * LANES + LANES);
      int xb = (block + b) * 4;
      IntVector i;
      FloatVector d = FloatVector.broadcast(F, xScales[xb]);
      i = (IntVector) s0.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16));
      a0 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(da.mul(d), a0);
      i = (IntVector) t0.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16));
      b0 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(db.mul(d), b0);
      d = FloatVector.broadcast(F, xScales[xb + 1]);
      i = (IntVector) s1.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16));
      a1 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(da.mul(d), a1);
      i = (IntVector) t1.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16));
      b1 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(db.mul(d), b1);
      d = FloatVector.broadcast(F, xScales[xb + 2]);
      i = (IntVector) s2.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16));
      a2 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(da.mul(d), a2);
      i = (IntVector) t2.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16));
      b2 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(db.mul(d), b2);
      d = FloatVector.broadcast(F, xScales[xb + 3]);
      i = (IntVector) s3.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16));
      a3 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(da.mul(d), a3);
      i = (IntVector) t3.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16));
      b3 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(db.mul(d), b3);
    }
    a0.intoArray(out, o);
    b0.intoArray(out, o + LANES);
    a1.intoArray(out, o1);
    b1.intoArray(out, o1 + LANES);
    a2.intoArray(out, o2);
    b2.intoArray(out, o2 + LANES);
    a3.intoArray(out, o3);
    b3.intoArray(out, o3 + LANES);
  }
}
