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
 * Matrix-matrix kernels of weights that are small integers: two vectors of rows by four tokens.
 *
 * <p>Sixteen-bit multiplication has twice the lanes of float32 and needs no conversion of the
 * products; the eight sums of a block, the weight vectors and the broadcast activation stay in
 * registers. Shared by formats, since they read weights from a heap array always.
 */
final class ShortGemm {
  private static final int[] LOW = {0x00ff00ff};

  private ShortGemm() {}

  /**
   * {@code out += scale * (sum of (q - center) * x)} for half blocks of 16 columns with a scale
   * each: the even pairs of a block are its first half, the odd ones its second, see {@link
   * QuantizedActivations#PAIR_COLUMNS}.
   *
   * @param tokens of the batch
   * @param block index of the first block of the token group in the packed activations
   */
  static void addHalves(
      MatMulScratch weights,
      int tokens,
      QuantizedActivations x,
      int center,
      int block,
      int blocks,
      float[] out,
      int o) {
    if (tokens == 2) {
      ShortPairGemm.addHalves(weights, x, center, block, blocks, out, o);
    } else {
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
    FloatVector a2 = FloatVector.fromArray(F, out, o + 4 * LANES);
    FloatVector b2 = FloatVector.fromArray(F, out, o + 5 * LANES);
    FloatVector a3 = FloatVector.fromArray(F, out, o + 6 * LANES);
    FloatVector b3 = FloatVector.fromArray(F, out, o + 7 * LANES);
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
      ShortVector s2 =
          ((ShortVector) IntVector.broadcast(I, halves[xh + 2]).reinterpretShape(S, 0)).mul(center);
      ShortVector t2 = s2;
      ShortVector s3 =
          ((ShortVector) IntVector.broadcast(I, halves[xh + 3]).reinterpretShape(S, 0)).mul(center);
      ShortVector t3 = s3;
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
        ShortVector x2 = (ShortVector) IntVector.broadcast(I, x[xi + 2]).reinterpretShape(S, 0);
        s2 = x2.mul(wa).add(s2);
        t2 = x2.mul(wb).add(t2);
        ShortVector x3 = (ShortVector) IntVector.broadcast(I, x[xi + 3]).reinterpretShape(S, 0);
        s3 = x3.mul(wa).add(s3);
        t3 = x3.mul(wb).add(t3);
        wa = ((ShortVector) qa.reinterpretShape(S, 0)).lanewise(LSHR, 8);
        wb = ((ShortVector) qb.reinterpretShape(S, 0)).lanewise(LSHR, 8);
        x0 = (ShortVector) IntVector.broadcast(I, x[xi + 8]).reinterpretShape(S, 0);
        s0 = x0.mul(wa).add(s0);
        t0 = x0.mul(wb).add(t0);
        x1 = (ShortVector) IntVector.broadcast(I, x[xi + 9]).reinterpretShape(S, 0);
        s1 = x1.mul(wa).add(s1);
        t1 = x1.mul(wb).add(t1);
        x2 = (ShortVector) IntVector.broadcast(I, x[xi + 10]).reinterpretShape(S, 0);
        s2 = x2.mul(wa).add(s2);
        t2 = x2.mul(wb).add(t2);
        x3 = (ShortVector) IntVector.broadcast(I, x[xi + 11]).reinterpretShape(S, 0);
        s3 = x3.mul(wa).add(s3);
        t3 = x3.mul(wb).add(t3);
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
    a1.intoArray(out, o + 2 * LANES);
    b1.intoArray(out, o + 3 * LANES);
    a2.intoArray(out, o + 4 * LANES);
    b2.intoArray(out, o + 5 * LANES);
    a3.intoArray(out, o + 6 * LANES);
    b3.intoArray(out, o + 7 * LANES);
  }
}
