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

/** Q6_K weights times two tokens: {@link Q6_KGroup} without the group's last two. */
final class Q6_KPair {
  private static final int[] MASKS = {0x000f000f, 0x00300030};

  private Q6_KPair() {}

  /** As {@link Q4_KPair#multiply}. */
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
    IntVector nibbles = IntVector.broadcast(I, MASKS[0]);
    IntVector highs = IntVector.broadcast(I, MASKS[1]);
    FloatVector a0 = FloatVector.zero(F);
    FloatVector b0 = a0;
    FloatVector a1 = a0;
    FloatVector b1 = a0;
    for (int superBlock = 0; superBlock < superBlocks; superBlock++) {
      long base = p & ADDRESS;
      for (int i = 0; i < 8; i++) {
        int xb = (block + 8 * superBlock + i) * 4;
        int xh = 2 * xb;
        long q = base + Q6_KMatrix.BITS_AT[i];
        long at = base + Q6_KMatrix.SCALES_AT[i];
        ShortVector s0 =
            ((ShortVector) IntVector.broadcast(I, halves[xh]).reinterpretShape(S, 0))
                .mul((short) -32);
        ShortVector t0 = s0;
        ShortVector u0 =
            ((ShortVector) IntVector.broadcast(I, halves[xh + 4]).reinterpretShape(S, 0))
                .mul((short) -32);
        ShortVector v0 = u0;
        ShortVector s1 =
            ((ShortVector) IntVector.broadcast(I, halves[xh + 1]).reinterpretShape(S, 0))
                .mul((short) -32);
        ShortVector t1 = s1;
        ShortVector u1 =
            ((ShortVector) IntVector.broadcast(I, halves[xh + 5]).reinterpretShape(S, 0))
                .mul((short) -32);
        ShortVector v1 = u1;
        for (int j = 0; j < 4; j++) {
          int xi = xb * 16 + 16 * j;
          long high = q + (j >> 1) * STEP;
          long low = q + (2 + j) * STEP;
          int from = 4 * (j & 1);
          IntVector ha =
              IntVector.fromMemorySegment(I, MEMORY, high, LITTLE_ENDIAN).lanewise(LSHR, from);
          IntVector hb =
              IntVector.fromMemorySegment(I, MEMORY, high + VectorShape.BYTES, LITTLE_ENDIAN)
                  .lanewise(LSHR, from);
          IntVector wa = IntVector.fromMemorySegment(I, MEMORY, low, LITTLE_ENDIAN);
          IntVector wb =
              IntVector.fromMemorySegment(I, MEMORY, low + VectorShape.BYTES, LITTLE_ENDIAN);
          ShortVector qa =
              (ShortVector)
                  wa.and(nibbles).or(ha.lanewise(LSHL, 4).and(highs)).reinterpretShape(S, 0);
          ShortVector qb =
              (ShortVector)
                  wb.and(nibbles).or(hb.lanewise(LSHL, 4).and(highs)).reinterpretShape(S, 0);
          ShortVector x0 = (ShortVector) IntVector.broadcast(I, x[xi]).reinterpretShape(S, 0);
          s0 = s0.add(qa.mul(x0));
          t0 = t0.add(qb.mul(x0));
          ShortVector x1 = (ShortVector) IntVector.broadcast(I, x[xi + 1]).reinterpretShape(S, 0);
          s1 = s1.add(qa.mul(x1));
          t1 = t1.add(qb.mul(x1));
          qa =
              (ShortVector)
                  wa.lanewise(LSHR, 4)
                      .and(nibbles)
                      .or(ha.lanewise(LSHL, 2).and(highs))
                      .reinterpretShape(S, 0);
          qb =
              (ShortVector)
                  wb.lanewise(LSHR, 4)
                      .and(nibbles)
                      .or(hb.lanewise(LSHL, 2).and(highs))
                      .reinterpretShape(S, 0);
          x0 = (ShortVector) IntVector.broadcast(I, x[xi + 4]).reinterpretShape(S, 0);
          u0 = u0.add(qa.mul(x0));
          v0 = v0.add(qb.mul(x0));
          x1 = (ShortVector) IntVector.broadcast(I, x[xi + 5]).reinterpretShape(S, 0);
          u1 = u1.add(qa.mul(x1));
          v1 = v1.add(qb.mul(x1));
          qa =
              (ShortVector)
                  wa.lanewise(LSHR, 8)
                      .and(nibbles)
                      .or(ha.lanewise(LSHR, 4).and(highs))
                      .reinterpretShape(S, 0);
          qb =
              (ShortVector)
                  wb.lanewise(LSHR, 8)
                      .and(nibbles)
                      .or(hb.lanewise(LSHR, 4).and(highs))
                      .reinterpretShape(S, 0);
          x0 = (ShortVector) IntVector.broadcast(I, x[xi + 8]).reinterpretShape(S, 0);
          s0 = s0.add(qa.mul(x0));
          t0 = t0.add(qb.mul(x0));
          x1 = (ShortVector) IntVector.broadcast(I, x[xi + 9]).reinterpretShape(S, 0);
          s1 = s1.add(qa.mul(x1));
          t1 = t1.add(qb.mul(x1));
          qa =
              (ShortVector)
                  wa.lanewise(LSHR, 12)
                      .and(nibbles)
                      .or(ha.lanewise(LSHR, 6).and(highs))
                      .reinterpretShape(S, 0);
          qb =
              (ShortVector)
                  wb.lanewise(LSHR, 12)
                      .and(nibbles)
                      .or(hb.lanewise(LSHR, 6).and(highs))
                      .reinterpretShape(S, 0);
          x0 = (ShortVector) IntVector.broadcast(I, x[xi + 12]).reinterpretShape(S, 0);
          u0 = u0.add(qa.mul(x0));
          v0 = v0.add(qb.mul(x0));
          x1 = (ShortVector) IntVector.broadcast(I, x[xi + 13]).reinterpretShape(S, 0);
          u1 = u1.add(qa.mul(x1));
          v1 = v1.add(qb.mul(x1));
        }
        FloatVector da =
            (FloatVector)
                IntVector.fromMemorySegment(I, MEMORY, base + Q6_KMatrix.D, LITTLE_ENDIAN)
                    .reinterpretShape(F, 0);
        FloatVector db =
            (FloatVector)
                IntVector.fromMemorySegment(
                        I, MEMORY, base + Q6_KMatrix.D + VectorShape.BYTES, LITTLE_ENDIAN)
                    .reinterpretShape(F, 0);
        int shift = 16 * (i & 1);
        IntVector pa =
            IntVector.fromMemorySegment(I, MEMORY, at, LITTLE_ENDIAN).lanewise(LSHR, shift);
        IntVector pb =
            IntVector.fromMemorySegment(I, MEMORY, at + VectorShape.BYTES, LITTLE_ENDIAN)
                .lanewise(LSHR, shift);
        FloatVector scale0 = FloatVector.broadcast(F, scales[xb]);
        FloatVector scale1 = FloatVector.broadcast(F, scales[xb + 1]);
        IntVector n;
        FloatVector ea = da.mul(pa.lanewise(LSHL, 24).lanewise(ASHR, 24).convertShape(I2F, F, 0));
        FloatVector eb = db.mul(pb.lanewise(LSHL, 24).lanewise(ASHR, 24).convertShape(I2F, F, 0));
        n = (IntVector) s0.reinterpretShape(I, 0);
        n = n.lanewise(LSHL, 16).lanewise(ASHR, 16).add(n.lanewise(ASHR, 16));
        a0 = ((FloatVector) n.convertShape(I2F, F, 0)).fma(ea.mul(scale0), a0);
        n = (IntVector) t0.reinterpretShape(I, 0);
        n = n.lanewise(LSHL, 16).lanewise(ASHR, 16).add(n.lanewise(ASHR, 16));
        b0 = ((FloatVector) n.convertShape(I2F, F, 0)).fma(eb.mul(scale0), b0);
        n = (IntVector) s1.reinterpretShape(I, 0);
        n = n.lanewise(LSHL, 16).lanewise(ASHR, 16).add(n.lanewise(ASHR, 16));
        a1 = ((FloatVector) n.convertShape(I2F, F, 0)).fma(ea.mul(scale1), a1);
        n = (IntVector) t1.reinterpretShape(I, 0);
        n = n.lanewise(LSHL, 16).lanewise(ASHR, 16).add(n.lanewise(ASHR, 16));
        b1 = ((FloatVector) n.convertShape(I2F, F, 0)).fma(eb.mul(scale1), b1);
        ea = da.mul(pa.lanewise(LSHL, 16).lanewise(ASHR, 24).convertShape(I2F, F, 0));
        eb = db.mul(pb.lanewise(LSHL, 16).lanewise(ASHR, 24).convertShape(I2F, F, 0));
        n = (IntVector) u0.reinterpretShape(I, 0);
        n = n.lanewise(LSHL, 16).lanewise(ASHR, 16).add(n.lanewise(ASHR, 16));
        a0 = ((FloatVector) n.convertShape(I2F, F, 0)).fma(ea.mul(scale0), a0);
        n = (IntVector) v0.reinterpretShape(I, 0);
        n = n.lanewise(LSHL, 16).lanewise(ASHR, 16).add(n.lanewise(ASHR, 16));
        b0 = ((FloatVector) n.convertShape(I2F, F, 0)).fma(eb.mul(scale0), b0);
        n = (IntVector) u1.reinterpretShape(I, 0);
        n = n.lanewise(LSHL, 16).lanewise(ASHR, 16).add(n.lanewise(ASHR, 16));
        a1 = ((FloatVector) n.convertShape(I2F, F, 0)).fma(ea.mul(scale1), a1);
        n = (IntVector) v1.reinterpretShape(I, 0);
        n = n.lanewise(LSHL, 16).lanewise(ASHR, 16).add(n.lanewise(ASHR, 16));
        b1 = ((FloatVector) n.convertShape(I2F, F, 0)).fma(eb.mul(scale1), b1);
      }
      p += Q6_KMatrix.INTS * STEP;
    }
    a0.intoArray(out, o);
    b0.intoArray(out, o + LANES);
    a1.intoArray(out, o + stride);
    b1.intoArray(out, o + stride + LANES);
  }
}
