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
 * Q4_K weights times four tokens straight from a tile: for batches too small to be worth unpacking
 * a tile for. Adds in the order of {@link NibbleMinimaGemm#add}, so results have the same bits.
 */
final class Q4_KGroup {
  private static final int[] NIBBLES = {0x000f000f};

  private Q4_KGroup() {}

  /**
   * Products of a tile and a group of tokens.
   *
   * @param p address of the tile
   * @param block index of the group's first block in the packed activations
   * @param out the first token's result of the tile's first row at {@code o}; those of the next
   *     token lie {@code stride} further on
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
    FloatVector a2 = a0;
    FloatVector b2 = a0;
    FloatVector a3 = a0;
    FloatVector b3 = a0;
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
        ShortVector s2 =
            (ShortVector) IntVector.broadcast(I, offsets[xb + 2]).reinterpretShape(S, 0);
        ShortVector t2 = s2;
        ShortVector s3 =
            (ShortVector) IntVector.broadcast(I, offsets[xb + 3]).reinterpretShape(S, 0);
        ShortVector t3 = s3;
        for (int k = 0; k < 16; k++) {
          int xi = xb * 16 + 4 * k;
          int shift = 4 * (k & 3);
          ShortVector wa =
              (ShortVector)
                  IntVector.fromMemorySegment(I, MEMORY, q + (k >> 2) * STEP, LITTLE_ENDIAN)
                      .lanewise(LSHR, shift)
                      .and(nibbles)
                      .reinterpretShape(S, 0);
          ShortVector wb =
              (ShortVector)
                  IntVector.fromMemorySegment(
                          I, MEMORY, q + (k >> 2) * STEP + VectorShape.BYTES, LITTLE_ENDIAN)
                      .lanewise(LSHR, shift)
                      .and(nibbles)
                      .reinterpretShape(S, 0);
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
        scale = FloatVector.broadcast(F, scales[xb + 2]);
        sum = FloatVector.broadcast(F, sums[xb + 2]);
        v = (IntVector) s2.reinterpretShape(I, 0);
        v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16));
        a2 = ((FloatVector) v.convertShape(I2F, F, 0)).fma(da.mul(scale), ma.fma(sum, a2));
        v = (IntVector) t2.reinterpretShape(I, 0);
        v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16));
        b2 = ((FloatVector) v.convertShape(I2F, F, 0)).fma(db.mul(scale), mb.fma(sum, b2));
        scale = FloatVector.broadcast(F, scales[xb + 3]);
        sum = FloatVector.broadcast(F, sums[xb + 3]);
        v = (IntVector) s3.reinterpretShape(I, 0);
        v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16));
        a3 = ((FloatVector) v.convertShape(I2F, F, 0)).fma(da.mul(scale), ma.fma(sum, a3));
        v = (IntVector) t3.reinterpretShape(I, 0);
        v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16));
        b3 = ((FloatVector) v.convertShape(I2F, F, 0)).fma(db.mul(scale), mb.fma(sum, b3));
      }
      p += Q4_KMatrix.INTS * STEP;
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
