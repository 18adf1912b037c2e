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
 * {@link HalvesGemm} for two tokens, the first of a group, which half of the products of four would
 * be for nothing. Adds in the same order.
 */
final class HalvesPairGemm {
  private HalvesPairGemm() {}

  /** As {@link HalvesGemm#add}. */
  static void add(
      MatMulScratch weights, QuantizedActivations x, int block, int blocks, float[] out, int o) {
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
    for (int h = 0; h < halves; h++) {
      ShortVector s0 = ShortVector.zero(S);
      ShortVector t0 = s0;
      ShortVector s1 = s0;
      ShortVector t1 = s0;
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
    }
    a0.intoArray(out, o);
    b0.intoArray(out, o + LANES);
    c0.intoArray(out, o + 2 * LANES);
    d0.intoArray(out, o + 3 * LANES);
    a1.intoArray(out, o + stride);
    b1.intoArray(out, o + stride + LANES);
    c1.intoArray(out, o + stride + 2 * LANES);
    d1.intoArray(out, o + stride + 3 * LANES);
  }
}
