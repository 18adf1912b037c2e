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
 * Q4_K weights times two tokens: {@link Q4_KGroup} without the group's last two, which half of its
 * products would be for nothing.
 */
final class Q4_KPair {
  private static final int[] NIBBLES = {0x000f000f};

  private Q4_KPair() {}

  /**
   * Products of a tile and the first two of a group of tokens.
   *
   * @param p address of the tile
   * @param block index of the group's first block in the packed activations
   * @param out the first token's result of the tile's first row at {@code o}; the second's lies
   *     {@code stride} further on
   */
  static void multiply(
      long p,
      int superBlocks,
      QuantizedActivations input,
      int block,
      float[] out,
      int o,
      int stride) {
    dot(
        p,
        superBlocks,
        input.pairs,
        input.offsets,
        input.scales,
        input.sums,
        block,
        out,
        o,
        stride);
  }

  private static void dot(
      long p,
      int superBlocks,
      int[] x,
      int[] offsets,
      float[] scales,
      float[] sums,
      int block,
      float[] out,
      int o,
      int stride) {
    IntVector nibbles = IntVector.broadcast(I, NIBBLES[0]);
    FloatVector a0 = FloatVector.zero(F);
    FloatVector b0 = a0;
    FloatVector a1 = a0;
    FloatVector b1 = a0;
    for (int superBlock = 0; superBlock < superBlocks; superBlock++) {
      long base = p & ADDRESS;
      for (int i = 0; i < 8; i++) {
        int xb = (block + 8 * superBlock + i) * 4;
        long q = base + Q4_KMatrix.NIBBLES_AT[i];
        long at = base + Q4_KMatrix.SCALES_AT[i];
        ShortVector s0 = (ShortVector) IntVector.broadcast(I, offsets[xb]).reinterpretShape(S, 0);
        ShortVector t0 = s0;
        ShortVector s1 =
            (ShortVector) IntVector.broadcast(I, offsets[xb + 1]).reinterpretShape(S, 0);
        ShortVector t1 = s1;
        for (int j = 0; j < 4; j++) {
          int xi = xb * 16 + 16 * j;
          long r = q + j * STEP;
          IntVector wa = IntVector.fromMemorySegment(I, MEMORY, r, LITTLE_ENDIAN);
          IntVector wb =
              IntVector.fromMemorySegment(I, MEMORY, r + VectorShape.BYTES, LITTLE_ENDIAN);
          ShortVector va = (ShortVector) wa.and(nibbles).reinterpretShape(S, 0);
          ShortVector vb = (ShortVector) wb.and(nibbles).reinterpretShape(S, 0);
          ShortVector x0 = (ShortVector) IntVector.broadcast(I, x[xi]).reinterpretShape(S, 0);
          s0 = va.mul(x0).add(s0);
          t0 = vb.mul(x0).add(t0);
          ShortVector x1 = (ShortVector) IntVector.broadcast(I, x[xi + 1]).reinterpretShape(S, 0);
          s1 = va.mul(x1).add(s1);
          t1 = vb.mul(x1).add(t1);
          va = (ShortVector) wa.lanewise(LSHR, 4).and(nibbles).reinterpretShape(S, 0);
          vb = (ShortVector) wb.lanewise(LSHR, 4).and(nibbles).reinterpretShape(S, 0);
          x0 = (ShortVector) IntVector.broadcast(I, x[xi + 4]).reinterpretShape(S, 0);
          s0 = va.mul(x0).add(s0);
          t0 = vb.mul(x0).add(t0);
          x1 = (ShortVector) IntVector.broadcast(I, x[xi + 5]).reinterpretShape(S, 0);
          s1 = va.mul(x1).add(s1);
          t1 = vb.mul(x1).add(t1);
          va = (ShortVector) wa.lanewise(LSHR, 8).and(nibbles).reinterpretShape(S, 0);
          vb = (ShortVector) wb.lanewise(LSHR, 8).and(nibbles).reinterpretShape(S, 0);
          x0 = (ShortVector) IntVector.broadcast(I, x[xi + 8]).reinterpretShape(S, 0);
          s0 = va.mul(x0).add(s0);
          t0 = vb.mul(x0).add(t0);
          x1 = (ShortVector) IntVector.broadcast(I, x[xi + 9]).reinterpretShape(S, 0);
          s1 = va.mul(x1).add(s1);
          t1 = vb.mul(x1).add(t1);
          va = (ShortVector) wa.lanewise(LSHR, 12).and(nibbles).reinterpretShape(S, 0);
          vb = (ShortVector) wb.lanewise(LSHR, 12).and(nibbles).reinterpretShape(S, 0);
          x0 = (ShortVector) IntVector.broadcast(I, x[xi + 12]).reinterpretShape(S, 0);
          s0 = va.mul(x0).add(s0);
          t0 = vb.mul(x0).add(t0);
          x1 = (ShortVector) IntVector.broadcast(I, x[xi + 13]).reinterpretShape(S, 0);
          s1 = va.mul(x1).add(s1);
          t1 = vb.mul(x1).add(t1);
        }
        int shift = 8 * (i & 3);
        FloatVector da =
            ((FloatVector)
                    IntVector.fromMemorySegment(I, MEMORY, base + 4 * STEP, LITTLE_ENDIAN)
                        .reinterpretShape(F, 0))
                .mul(
                    IntVector.fromMemorySegment(I, MEMORY, at, LITTLE_ENDIAN)
                        .lanewise(LSHR, shift)
                        .and(0xff)
                        .convertShape(I2F, F, 0));
        FloatVector db =
            ((FloatVector)
                    IntVector.fromMemorySegment(
                            I, MEMORY, base + 4 * STEP + VectorShape.BYTES, LITTLE_ENDIAN)
                        .reinterpretShape(F, 0))
                .mul(
                    IntVector.fromMemorySegment(I, MEMORY, at + VectorShape.BYTES, LITTLE_ENDIAN)
                        .lanewise(LSHR, shift)
                        .and(0xff)
                        .convertShape(I2F, F, 0));
        FloatVector ma =
            ((FloatVector)
                    IntVector.fromMemorySegment(I, MEMORY, base + 5 * STEP, LITTLE_ENDIAN)
                        .reinterpretShape(F, 0))
                .fma(
                    (FloatVector)
                        IntVector.fromMemorySegment(I, MEMORY, at + STEP, LITTLE_ENDIAN)
                            .lanewise(LSHR, shift)
                            .and(0xff)
                            .convertShape(I2F, F, 0),
                    da.mul(NibbleGemm.CENTER));
        FloatVector mb =
            ((FloatVector)
                    IntVector.fromMemorySegment(
                            I, MEMORY, base + 5 * STEP + VectorShape.BYTES, LITTLE_ENDIAN)
                        .reinterpretShape(F, 0))
                .fma(
                    (FloatVector)
                        IntVector.fromMemorySegment(
                                I, MEMORY, at + STEP + VectorShape.BYTES, LITTLE_ENDIAN)
                            .lanewise(LSHR, shift)
                            .and(0xff)
                            .convertShape(I2F, F, 0),
                    db.mul(NibbleGemm.CENTER));
        FloatVector scale;
        FloatVector sum;
        IntVector v;
        scale = FloatVector.broadcast(F, scales[xb]);
        sum = FloatVector.broadcast(F, sums[xb]);
        v = (IntVector) s0.reinterpretShape(I, 0);
        v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16));
        a0 = ((FloatVector) v.convertShape(I2F, F, 0)).fma(da.mul(scale), ma.fma(sum, a0));
        v = (IntVector) t0.reinterpretShape(I, 0);
        v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16));
        b0 = ((FloatVector) v.convertShape(I2F, F, 0)).fma(db.mul(scale), mb.fma(sum, b0));
        scale = FloatVector.broadcast(F, scales[xb + 1]);
        sum = FloatVector.broadcast(F, sums[xb + 1]);
        v = (IntVector) s1.reinterpretShape(I, 0);
        v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16));
        a1 = ((FloatVector) v.convertShape(I2F, F, 0)).fma(da.mul(scale), ma.fma(sum, a1));
        v = (IntVector) t1.reinterpretShape(I, 0);
        v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16));
        b1 = ((FloatVector) v.convertShape(I2F, F, 0)).fma(db.mul(scale), mb.fma(sum, b1));
      }
      p += Q4_KMatrix.INTS * STEP;
    }
    a0.intoArray(out, o);
    b0.intoArray(out, o + LANES);
    a1.intoArray(out, o + stride);
    b1.intoArray(out, o + stride + LANES);
  }
}
