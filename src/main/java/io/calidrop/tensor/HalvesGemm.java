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
 * {@link NibbleGemm} for weights with a scale for each 16 columns, half of a block: a short lane
 * takes 16 products.
 */
final class HalvesGemm {
  private HalvesGemm() {}

  /**
   * {@code out += scale * (sum of q * x)} for halves of blocks, the weights unpacked less what they
   * count from.
   *
   * @param tokens of the batch
   * @param block index of the first block of the token group in the packed activations
   */
  static void add(
      MatMulScratch weights,
      int tokens,
      QuantizedActivations x,
      int block,
      int blocks,
      float[] out,
      int o) {
    if (tokens == 2) {
      HalvesPairGemm.add(weights, x, block, blocks, out, o);
      return;
    }
    add(
        weights.shorts,
        weights.scales,
        x.shorts,
        x.shortScales,
        2 * block,
        2 * blocks,
        out,
        o,
        2 * Matrix.ROW_BLOCK);
  }

  private static void add(
      short[] w,
      float[] scales,
      short[] x,
      float[] xScales,
      int half,
      int halves,
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
    for (int h = 0; h < halves; h++) {
      ShortVector s0 = ShortVector.zero(S);
      ShortVector t0 = s0;
      ShortVector s1 = s0;
      ShortVector t1 = s0;
      ShortVector s2 = s0;
      ShortVector t2 = s0;
      ShortVector s3 = s0;
      ShortVector t3 = s0;
      for (int k = 0; k < 16; k++) {
        int wi = (h * 16 + k) * 4 * LANES;
        int xi = ((half + h) * 16 + k) * 4;
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
      int at = h * 2 * LANES;
      FloatVector da = FloatVector.fromArray(F, scales, at);
      FloatVector db = FloatVector.fromArray(F, scales, at + LANES);
      FloatVector dc = FloatVector.fromArray(F, scales, at + TILE_SCALES);
      FloatVector dd = FloatVector.fromArray(F, scales, at + TILE_SCALES + LANES);
      int xb = (half + h >> 1) * 4;
      FloatVector d = FloatVector.broadcast(F, xScales[xb]);
      IntVector i = (IntVector) s0.reinterpretShape(I, 0);
      a0 = ((FloatVector) i.lanewise(LSHL, 16).convertShape(I2F, F, 0)).fma(da.mul(d), a0);
      b0 = ((FloatVector) i.and(NibbleGemm.HIGH).convertShape(I2F, F, 0)).fma(db.mul(d), b0);
      i = (IntVector) t0.reinterpretShape(I, 0);
      c0 = ((FloatVector) i.lanewise(LSHL, 16).convertShape(I2F, F, 0)).fma(dc.mul(d), c0);
      d0 = ((FloatVector) i.and(NibbleGemm.HIGH).convertShape(I2F, F, 0)).fma(dd.mul(d), d0);
      d = FloatVector.broadcast(F, xScales[xb + 1]);
      i = (IntVector) s1.reinterpretShape(I, 0);
      a1 = ((FloatVector) i.lanewise(LSHL, 16).convertShape(I2F, F, 0)).fma(da.mul(d), a1);
      b1 = ((FloatVector) i.and(NibbleGemm.HIGH).convertShape(I2F, F, 0)).fma(db.mul(d), b1);
      i = (IntVector) t1.reinterpretShape(I, 0);
      c1 = ((FloatVector) i.lanewise(LSHL, 16).convertShape(I2F, F, 0)).fma(dc.mul(d), c1);
      d1 = ((FloatVector) i.and(NibbleGemm.HIGH).convertShape(I2F, F, 0)).fma(dd.mul(d), d1);
      d = FloatVector.broadcast(F, xScales[xb + 2]);
      i = (IntVector) s2.reinterpretShape(I, 0);
      a2 = ((FloatVector) i.lanewise(LSHL, 16).convertShape(I2F, F, 0)).fma(da.mul(d), a2);
      b2 = ((FloatVector) i.and(NibbleGemm.HIGH).convertShape(I2F, F, 0)).fma(db.mul(d), b2);
      i = (IntVector) t2.reinterpretShape(I, 0);
      c2 = ((FloatVector) i.lanewise(LSHL, 16).convertShape(I2F, F, 0)).fma(dc.mul(d), c2);
      d2 = ((FloatVector) i.and(NibbleGemm.HIGH).convertShape(I2F, F, 0)).fma(dd.mul(d), d2);
      d = FloatVector.broadcast(F, xScales[xb + 3]);
      i = (IntVector) s3.reinterpretShape(I, 0);
      a3 = ((FloatVector) i.lanewise(LSHL, 16).convertShape(I2F, F, 0)).fma(da.mul(d), a3);
      b3 = ((FloatVector) i.and(NibbleGemm.HIGH).convertShape(I2F, F, 0)).fma(db.mul(d), b3);
      i = (IntVector) t3.reinterpretShape(I, 0);
      c3 = ((FloatVector) i.lanewise(LSHL, 16).convertShape(I2F, F, 0)).fma(dc.mul(d), c3);
      d3 = ((FloatVector) i.and(NibbleGemm.HIGH).convertShape(I2F, F, 0)).fma(dd.mul(d), d3);
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

  /**
   * {@code out += minimum * (sum of x)} for halves of blocks.
   *
   * @param tokens and {@code block} as in {@link #add}
   */
  static void addMinima(
      MatMulScratch weights,
      int tokens,
      QuantizedActivations x,
      int block,
      int blocks,
      float[] out,
      int o) {
    addMinima(weights.minima, x.halfSums, 8 * block, 2 * blocks, out, o);
    if (tokens > 2) {
      addMinima(weights.minima, x.halfSums, 8 * block + 2, 2 * blocks, out, o + 8 * LANES);
    }
  }

  /* Of two tokens. */
  private static void addMinima(
      float[] minima, float[] xSums, int xi, int halves, float[] out, int o) {
    FloatVector a0 = FloatVector.fromArray(F, out, o);
    FloatVector b0 = FloatVector.fromArray(F, out, o + LANES);
    FloatVector c0 = FloatVector.fromArray(F, out, o + 2 * LANES);
    FloatVector d0 = FloatVector.fromArray(F, out, o + 3 * LANES);
    FloatVector a1 = FloatVector.fromArray(F, out, o + 4 * LANES);
    FloatVector b1 = FloatVector.fromArray(F, out, o + 5 * LANES);
    FloatVector c1 = FloatVector.fromArray(F, out, o + 6 * LANES);
    FloatVector d1 = FloatVector.fromArray(F, out, o + 7 * LANES);
    for (int h = 0; h < halves; h++) {
      int at = h * 2 * LANES;
      FloatVector ma = FloatVector.fromArray(F, minima, at);
      FloatVector mb = FloatVector.fromArray(F, minima, at + LANES);
      FloatVector mc = FloatVector.fromArray(F, minima, at + TILE_SCALES);
      FloatVector md = FloatVector.fromArray(F, minima, at + TILE_SCALES + LANES);
      FloatVector sum = FloatVector.broadcast(F, xSums[xi + 4 * h]);
      a0 = ma.fma(sum, a0);
      b0 = mb.fma(sum, b0);
      c0 = mc.fma(sum, c0);
      d0 = md.fma(sum, d0);
      sum = FloatVector.broadcast(F, xSums[xi + 4 * h + 1]);
      a1 = ma.fma(sum, a1);
      b1 = mb.fma(sum, b1);
      c1 = mc.fma(sum, c1);
      d1 = md.fma(sum, d1);
    }
    a0.intoArray(out, o);
    b0.intoArray(out, o + LANES);
    c0.intoArray(out, o + 2 * LANES);
    d0.intoArray(out, o + 3 * LANES);
    a1.intoArray(out, o + 4 * LANES);
    b1.intoArray(out, o + 5 * LANES);
    c1.intoArray(out, o + 6 * LANES);
    d1.intoArray(out, o + 7 * LANES);
  }
}
