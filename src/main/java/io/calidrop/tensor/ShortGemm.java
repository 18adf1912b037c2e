package io.calidrop.tensor;

import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static io.calidrop.tensor.VectorShape.MANY_REGISTERS;
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
 * registers. Shared by formats, since they read weights from a heap array always, see {@link
 * Bytes}. Of five bits at most and with sixteen registers these are shorts instead, which take no
 * masks and shifts for each four tokens.
 */
final class ShortGemm {
  private static final int[] LOW = {0x00ff00ff};

  private ShortGemm() {}

  /**
   * {@code out += scale * (sum of (q - center) * x) + minimum * (sum of x)} for blocks of 32
   * columns.
   *
   * @param shifted 1 where products count from q = 0 nevertheless, 0 where they count from the
   *     center
   * @param block index of the first block of the token group in the packed activations
   */
  static void add(
      MatMulScratch weights,
      QuantizedActivations x,
      int shifted,
      int block,
      int blocks,
      float[] out,
      int o) {
    add(
        MANY_REGISTERS ? weights.bytes : weights.pairs,
        weights.scales,
        weights.minima,
        x.pairs,
        x.scales,
        x.sums,
        x.offsets,
        x.totals,
        shifted,
        block,
        blocks,
        out,
        o);
  }

  private static void add(
      int[] w,
      float[] scales,
      float[] minima,
      int[] x,
      float[] xScales,
      float[] xSums,
      int[] offsets,
      int[] totals,
      int shifted,
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
    for (int b = 0; b < blocks; b++) {
      int xb = (block + b) * 4;
      ShortVector s0 = (ShortVector) IntVector.broadcast(I, offsets[xb]).reinterpretShape(S, 0);
      ShortVector t0 = s0;
      ShortVector s1 = (ShortVector) IntVector.broadcast(I, offsets[xb + 1]).reinterpretShape(S, 0);
      ShortVector t1 = s1;
      ShortVector s2 = (ShortVector) IntVector.broadcast(I, offsets[xb + 2]).reinterpretShape(S, 0);
      ShortVector t2 = s2;
      ShortVector s3 = (ShortVector) IntVector.broadcast(I, offsets[xb + 3]).reinterpretShape(S, 0);
      ShortVector t3 = s3;
      for (int m = 0; m < 8; m++) {
        int k = 4 * (m >> 1) + (m & 1);
        int wi = MANY_REGISTERS ? (b * 8 + m) * 2 * LANES : (b * 16 + k) * 2 * LANES;
        int xi = xb * 16 + 4 * k;
        IntVector qa = IntVector.fromArray(I, w, wi);
        IntVector qb = IntVector.fromArray(I, w, wi + LANES);
        ShortVector wa = (ShortVector) (MANY_REGISTERS ? qa.and(low) : qa).reinterpretShape(S, 0);
        ShortVector wb = (ShortVector) (MANY_REGISTERS ? qb.and(low) : qb).reinterpretShape(S, 0);
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
        if (MANY_REGISTERS) {
          wa = ((ShortVector) qa.reinterpretShape(S, 0)).lanewise(LSHR, 8);
          wb = ((ShortVector) qb.reinterpretShape(S, 0)).lanewise(LSHR, 8);
        } else {
          wa = (ShortVector) IntVector.fromArray(I, w, wi + 4 * LANES).reinterpretShape(S, 0);
          wb = (ShortVector) IntVector.fromArray(I, w, wi + 5 * LANES).reinterpretShape(S, 0);
        }
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
      FloatVector da = FloatVector.fromArray(F, scales, b * 2 * LANES);
      FloatVector db = FloatVector.fromArray(F, scales, b * 2 * LANES + LANES);
      FloatVector ma = FloatVector.fromArray(F, minima, b * 2 * LANES);
      FloatVector mb = FloatVector.fromArray(F, minima, b * 2 * LANES + LANES);
      FloatVector d;
      FloatVector e;
      IntVector total;
      IntVector i;

      d = FloatVector.broadcast(F, xScales[xb]);
      e = FloatVector.broadcast(F, xSums[xb]);
      total = IntVector.broadcast(I, totals[xb] * shifted);
      i = (IntVector) s0.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16)).add(total);
      a0 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(da.mul(d), ma.fma(e, a0));
      i = (IntVector) t0.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16)).add(total);
      b0 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(db.mul(d), mb.fma(e, b0));

      d = FloatVector.broadcast(F, xScales[xb + 1]);
      e = FloatVector.broadcast(F, xSums[xb + 1]);
      total = IntVector.broadcast(I, totals[xb + 1] * shifted);
      i = (IntVector) s1.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16)).add(total);
      a1 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(da.mul(d), ma.fma(e, a1));
      i = (IntVector) t1.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16)).add(total);
      b1 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(db.mul(d), mb.fma(e, b1));

      d = FloatVector.broadcast(F, xScales[xb + 2]);
      e = FloatVector.broadcast(F, xSums[xb + 2]);
      total = IntVector.broadcast(I, totals[xb + 2] * shifted);
      i = (IntVector) s2.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16)).add(total);
      a2 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(da.mul(d), ma.fma(e, a2));
      i = (IntVector) t2.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16)).add(total);
      b2 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(db.mul(d), mb.fma(e, b2));

      d = FloatVector.broadcast(F, xScales[xb + 3]);
      e = FloatVector.broadcast(F, xSums[xb + 3]);
      total = IntVector.broadcast(I, totals[xb + 3] * shifted);
      i = (IntVector) s3.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16)).add(total);
      a3 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(da.mul(d), ma.fma(e, a3));
      i = (IntVector) t3.reinterpretShape(I, 0);
      i = i.lanewise(LSHL, 16).lanewise(ASHR, 16).add(i.lanewise(ASHR, 16)).add(total);
      b3 = ((FloatVector) i.convertShape(I2F, F, 0)).fma(db.mul(d), mb.fma(e, b3));
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
