package io.calidrop.tensor;

import static io.calidrop.tensor.OffHeap.ADDRESS;
import static io.calidrop.tensor.OffHeap.MEMORY;
import static io.calidrop.tensor.TiledMatrix.STEP;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static io.calidrop.tensor.VectorShape.S;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * Q6_K weights times four tokens straight from a tile, as in {@link Q4_KGroup}. Adds in the order
 * of {@link HalvesGemm}.
 */
final class Q6_KGroup {
  private Q6_KGroup() {}

  /** As {@link Q4_KGroup#multiply}. */
  static void multiply(
      long p,
      int superBlocks,
      QuantizedActivations input,
      int block,
      float[] out,
      int o,
      int stride) {
    dot(p, superBlocks, input.pairs, input.halves, input.scales, block, out, o, stride);
  }

  private static void dot(
      long p,
      int superBlocks,
      int[] x,
      int[] halves,
      float[] scales,
      int block,
      float[] out,
      int o,
      int stride) {
    IntVector sixBits = IntVector.broadcast(I, Q6_KMatrix.SIX_BITS[0]);
    IntVector topBits = IntVector.broadcast(I, Q6_KMatrix.TOP_BITS[0]);
    FloatVector a0 = FloatVector.zero(F);
    FloatVector b0 = a0;
    FloatVector a1 = a0;
    FloatVector b1 = a0;
    FloatVector a2 = a0;
    FloatVector b2 = a0;
    FloatVector a3 = a0;
    FloatVector b3 = a0;
    for (int superBlock = 0; superBlock < superBlocks; superBlock++) {
      long base = p & ADDRESS;
      for (int i = 0; i < 16; i++) {
        int xb = (block + 8 * superBlock + (i >> 1)) * 4;
        int xh = (2 * (block + 8 * superBlock) + i) * 4;
        int xi = xb * 16 + 4 * (i & 1);
        long q = p + Q6_KMatrix.BITS_AT[i] & ADDRESS;
        ShortVector s0 =
            ((ShortVector) IntVector.broadcast(I, halves[xh]).reinterpretShape(S, 0))
                .mul((short) -32);
        ShortVector t0 = s0;
        ShortVector s1 =
            ((ShortVector) IntVector.broadcast(I, halves[xh + 1]).reinterpretShape(S, 0))
                .mul((short) -32);
        ShortVector t1 = s1;
        ShortVector s2 =
            ((ShortVector) IntVector.broadcast(I, halves[xh + 2]).reinterpretShape(S, 0))
                .mul((short) -32);
        ShortVector t2 = s2;
        ShortVector s3 =
            ((ShortVector) IntVector.broadcast(I, halves[xh + 3]).reinterpretShape(S, 0))
                .mul((short) -32);
        ShortVector t3 = s3;
        IntVector lastA = IntVector.zero(I);
        IntVector lastB = lastA;
        for (int j = 0; j < 3; j++, xi += 16) {
          IntVector wa = IntVector.fromMemorySegment(I, MEMORY, q + j * STEP, LITTLE_ENDIAN);
          IntVector wb =
              IntVector.fromMemorySegment(
                  I, MEMORY, q + j * STEP + VectorShape.BYTES, LITTLE_ENDIAN);
          ShortVector qa = (ShortVector) wa.and(sixBits).reinterpretShape(S, 0);
          ShortVector qb = (ShortVector) wb.and(sixBits).reinterpretShape(S, 0);
          ShortVector x0 = (ShortVector) IntVector.broadcast(I, x[xi]).reinterpretShape(S, 0);
          s0 = qa.mul(x0).add(s0);
          t0 = qb.mul(x0).add(t0);
          ShortVector x1 = (ShortVector) IntVector.broadcast(I, x[xi + 1]).reinterpretShape(S, 0);
          s1 = qa.mul(x1).add(s1);
          t1 = qb.mul(x1).add(t1);
          ShortVector x2 = (ShortVector) IntVector.broadcast(I, x[xi + 2]).reinterpretShape(S, 0);
          s2 = qa.mul(x2).add(s2);
          t2 = qb.mul(x2).add(t2);
          ShortVector x3 = (ShortVector) IntVector.broadcast(I, x[xi + 3]).reinterpretShape(S, 0);
          s3 = qa.mul(x3).add(s3);
          t3 = qb.mul(x3).add(t3);
          qa = (ShortVector) wa.lanewise(LSHR, 6).and(sixBits).reinterpretShape(S, 0);
          qb = (ShortVector) wb.lanewise(LSHR, 6).and(sixBits).reinterpretShape(S, 0);
          x0 = (ShortVector) IntVector.broadcast(I, x[xi + 8]).reinterpretShape(S, 0);
          s0 = qa.mul(x0).add(s0);
          t0 = qb.mul(x0).add(t0);
          x1 = (ShortVector) IntVector.broadcast(I, x[xi + 9]).reinterpretShape(S, 0);
          s1 = qa.mul(x1).add(s1);
          t1 = qb.mul(x1).add(t1);
          x2 = (ShortVector) IntVector.broadcast(I, x[xi + 10]).reinterpretShape(S, 0);
          s2 = qa.mul(x2).add(s2);
          t2 = qb.mul(x2).add(t2);
          x3 = (ShortVector) IntVector.broadcast(I, x[xi + 11]).reinterpretShape(S, 0);
          s3 = qa.mul(x3).add(s3);
          t3 = qb.mul(x3).add(t3);
          lastA = wa.and(topBits).or(lastA.lanewise(LSHR, 4));
          lastB = wb.and(topBits).or(lastB.lanewise(LSHR, 4));
        }
        ShortVector qa = (ShortVector) lastA.lanewise(LSHR, 4).and(sixBits).reinterpretShape(S, 0);
        ShortVector qb = (ShortVector) lastB.lanewise(LSHR, 4).and(sixBits).reinterpretShape(S, 0);
        ShortVector x0 = (ShortVector) IntVector.broadcast(I, x[xi]).reinterpretShape(S, 0);
        s0 = qa.mul(x0).add(s0);
        t0 = qb.mul(x0).add(t0);
        ShortVector x1 = (ShortVector) IntVector.broadcast(I, x[xi + 1]).reinterpretShape(S, 0);
        s1 = qa.mul(x1).add(s1);
        t1 = qb.mul(x1).add(t1);
        ShortVector x2 = (ShortVector) IntVector.broadcast(I, x[xi + 2]).reinterpretShape(S, 0);
        s2 = qa.mul(x2).add(s2);
        t2 = qb.mul(x2).add(t2);
        ShortVector x3 = (ShortVector) IntVector.broadcast(I, x[xi + 3]).reinterpretShape(S, 0);
        s3 = qa.mul(x3).add(s3);
        t3 = qb.mul(x3).add(t3);
        qa = (ShortVector) lastA.lanewise(LSHR, 10).and(sixBits).reinterpretShape(S, 0);
        qb = (ShortVector) lastB.lanewise(LSHR, 10).and(sixBits).reinterpretShape(S, 0);
        x0 = (ShortVector) IntVector.broadcast(I, x[xi + 8]).reinterpretShape(S, 0);
        s0 = qa.mul(x0).add(s0);
        t0 = qb.mul(x0).add(t0);
        x1 = (ShortVector) IntVector.broadcast(I, x[xi + 9]).reinterpretShape(S, 0);
        s1 = qa.mul(x1).add(s1);
        t1 = qb.mul(x1).add(t1);
        x2 = (ShortVector) IntVector.broadcast(I, x[xi + 10]).reinterpretShape(S, 0);
        s2 = qa.mul(x2).add(s2);
        t2 = qb.mul(x2).add(t2);
        x3 = (ShortVector) IntVector.broadcast(I, x[xi + 11]).reinterpretShape(S, 0);
        s3 = qa.mul(x3).add(s3);
        t3 = qb.mul(x3).add(t3);
        long at = p + Q6_KMatrix.SCALES_AT[i] & ADDRESS;
        int shift = 24 - 8 * (i & 3);
        FloatVector da =
            ((FloatVector)
                    IntVector.fromMemorySegment(I, MEMORY, base + Q6_KMatrix.D, LITTLE_ENDIAN)
                        .reinterpretShape(F, 0))
                .mul(
                    IntVector.fromMemorySegment(I, MEMORY, at, LITTLE_ENDIAN)
                        .lanewise(LSHL, shift)
                        .lanewise(ASHR, 24)
                        .convertShape(I2F, F, 0));
        FloatVector db =
            ((FloatVector)
                    IntVector.fromMemorySegment(
                            I, MEMORY, base + Q6_KMatrix.D + VectorShape.BYTES, LITTLE_ENDIAN)
                        .reinterpretShape(F, 0))
                .mul(
                    IntVector.fromMemorySegment(I, MEMORY, at + VectorShape.BYTES, LITTLE_ENDIAN)
                        .lanewise(LSHL, shift)
                        .lanewise(ASHR, 24)
                        .convertShape(I2F, F, 0));
        FloatVector scale;
        IntVector v;
        scale = FloatVector.broadcast(F, scales[xb]);
        v = (IntVector) s0.reinterpretShape(I, 0);
        v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16));
        a0 = ((FloatVector) v.convertShape(I2F, F, 0)).fma(da.mul(scale), a0);
        v = (IntVector) t0.reinterpretShape(I, 0);
        v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16));
        b0 = ((FloatVector) v.convertShape(I2F, F, 0)).fma(db.mul(scale), b0);
        scale = FloatVector.broadcast(F, scales[xb + 1]);
        v = (IntVector) s1.reinterpretShape(I, 0);
        v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16));
        a1 = ((FloatVector) v.convertShape(I2F, F, 0)).fma(da.mul(scale), a1);
        v = (IntVector) t1.reinterpretShape(I, 0);
        v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16));
        b1 = ((FloatVector) v.convertShape(I2F, F, 0)).fma(db.mul(scale), b1);
        scale = FloatVector.broadcast(F, scales[xb + 2]);
        v = (IntVector) s2.reinterpretShape(I, 0);
        v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16));
        a2 = ((FloatVector) v.convertShape(I2F, F, 0)).fma(da.mul(scale), a2);
        v = (IntVector) t2.reinterpretShape(I, 0);
        v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16));
        b2 = ((FloatVector) v.convertShape(I2F, F, 0)).fma(db.mul(scale), b2);
        scale = FloatVector.broadcast(F, scales[xb + 3]);
        v = (IntVector) s3.reinterpretShape(I, 0);
        v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16));
        a3 = ((FloatVector) v.convertShape(I2F, F, 0)).fma(da.mul(scale), a3);
        v = (IntVector) t3.reinterpretShape(I, 0);
        v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16));
        b3 = ((FloatVector) v.convertShape(I2F, F, 0)).fma(db.mul(scale), b3);
      }
      p += Q6_KMatrix.INTS * STEP;
    }
    a0.intoArray(out, o);
    b0.intoArray(out, o + LANES);
    a1.intoArray(out, o + stride);
    b1.intoArray(out, o + stride + LANES);
    a2.intoArray(out, o + 2 * stride);
    b2.intoArray(out, o + 2 * stride + LANES);
    a3.intoArray(out, o + 3 * stride);
    b3.intoArray(out, o + 3 * stride + LANES);
  }
}
