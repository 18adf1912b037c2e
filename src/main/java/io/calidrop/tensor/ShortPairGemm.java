package io.calidrop.tensor;

import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static io.calidrop.tensor.VectorShape.S;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * {@link ShortGemm} for two tokens, the first of a group, which half of the products of four would
 * be for nothing. Adds in the same order.
 */
final class ShortPairGemm {
  private static final int[] LOW = {0x00ff00ff};

  private ShortPairGemm() {}

  /** As {@link ShortGemm#addHalves}. */
  static void addHalves(
      MatMulScratch weights,
      QuantizedActivations x,
      int center,
      int block,
      int blocks,
      float[] out,
      int o) {
    addHalves(
        weights.bytes,
        weights.scales,
        x.pairs,
        x.halves,
        x.scales,
        (short) -center,
        block,
        blocks,
        out,
        o);
  }

  private static void addHalves(
      int[] w,
      float[] scales,
      int[] x,
      int[] halves,
      float[] xScales,
      short center,
      int block,
      int blocks,
      float[] out,
      int o) {
    IntVector low = IntVector.broadcast(I, LOW[0]);
    FloatVector a0 = FloatVector.fromArray(F, out, o);
    FloatVector b0 = FloatVector.fromArray(F, out, o + LANES);
    FloatVector a1 = FloatVector.fromArray(F, out, o + 2 * LANES);
    FloatVector b1 = FloatVector.fromArray(F, out, o + 3 * LANES);
    for (int h = 0; h < 2 * blocks; h++) {
      int b = h >> 1;
      int xb = (block + b) * 4;
      int xh = (2 * block + h) * 4;
      ShortVector s0 =
          ((ShortVector) IntVector.broadcast(I, halves[xh]).reinterpretShape(S, 0)).mul(center);
      ShortVector t0 = s0;
      ShortVector s1 =
          ((ShortVector) IntVector.broadcast(I, halves[xh + 1]).reinterpretShape(S, 0)).mul(center);
      ShortVector t1 = s1;
      for (int j = 0; j < 4; j++) {
        int wi = (b * 8 + 2 * j + (h & 1)) * 2 * LANES;
        int xi = xb * 16 + 16 * j + 4 * (h & 1);
        IntVector qa = IntVector.fromArray(I, w, wi);
        IntVector qb = IntVector.fromArray(I, w, wi + LANES);
        ShortVector wa = (ShortVector) qa.and(low).reinterpretShape(S, 0);
        ShortVector wb = (ShortVector) qb.and(low).reinterpretShape(S, 0);
        ShortVector x0 = (ShortVector) IntVector.broadcast(I, x[xi]).reinterpretShape(S, 0);
        s0 = x0.mul(wa).add(s0);
        t0 = x0.mul(wb).add(t0);
        ShortVector x1 = (ShortVector) IntVector.broadcast(I, x[xi + 1]).reinterpretShape(S, 0);
        s1 = x1.mul(wa).add(s1);
        t1 = x1.mul(wb).add(t1);
        wa = ((ShortVector) qa.reinterpretShape(S, 0)).lanewise(LSHR, 8);
        wb = ((ShortVector) qb.reinterpretShape(S, 0)).lanewise(LSHR, 8);
        x0 = (ShortVector) IntVector.broadcast(I, x[xi + 8]).reinterpretShape(S, 0);
        s0 = x0.mul(wa).add(s0);
        t0 = x0.mul(wb).add(t0);
        x1 = (ShortVector) IntVector.broadcast(I, x[xi + 9]).reinterpretShape(S, 0);
        s1 = x1.mul(wa).add(s1);
        t1 = x1.mul(wb).add(t1);
      }
      FloatVector da = FloatVector.fromArray(F, scales, h * 2 * LANES);
      FloatVector db = FloatVector.fromArray(F, scales, h * 2 * LANES + LANES);
      FloatVector d;
      IntVector i;

      d = FloatVector.broadcast(F, xScales[xb]);
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
    }
    a0.intoArray(out, o);
    b0.intoArray(out, o + LANES);
    a1.intoArray(out, o + 2 * LANES);
    b1.intoArray(out, o + 3 * LANES);
  }
}
