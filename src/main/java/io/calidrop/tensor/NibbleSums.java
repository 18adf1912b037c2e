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

import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * Four-bit weights of a tile times two or four tokens, straight from the tile: a small batch waits
 * for memory, and least where loads keep coming between the products. Scales come after, so that
 * formats share it.
 */
final class NibbleSums {
  private static final int[] MASKS = {0x000f000f};
  private static final int GROUP_SUMS = Activations.GROUP * Matrix.ROW_BLOCK;

  private NibbleSums() {}

  /**
   * Sums of {@code (q - center) * x} of blocks of 32 columns, or of {@code q * x}.
   *
   * @param p address of the first block
   * @param at bytes from there to each block's bits
   * @param tokens of the batch: of two the group's other two are left out
   * @param shifted 1 where products count from q = 0, 0 where they count from the center
   * @param block index of the group's first block in the packed activations
   * @param sums [blocks][4][rows of a tile], overwritten
   * @return of what was read on the way between the blocks, so that the stream does not break off
   */
  static int multiply(
      long p,
      int[] at,
      int blocks,
      QuantizedActivations x,
      int tokens,
      int shifted,
      int block,
      float[] sums) {
    if (tokens > 2) {
      return four(p, at, blocks, x.pairs, x.offsets, x.totals, shifted, block, sums);
    }
    return two(p, at, blocks, x.pairs, x.offsets, x.totals, shifted, block, sums);
  }

  private static int two(
      long p,
      int[] at,
      int blocks,
      int[] x,
      int[] offsets,
      int[] totals,
      int shifted,
      int block,
      float[] sums) {
    IntVector nibbles = IntVector.broadcast(I, MASKS[0]);

    int touched = 0;
    for (int i = 0; i < blocks; i++) {
      long base = (p & ADDRESS) + at[i];
      int xb = (block + i) * 4;
      ShortVector s0 = (ShortVector) IntVector.broadcast(I, offsets[xb]).reinterpretShape(S, 0);
      ShortVector t0 = s0;
      ShortVector s1 = (ShortVector) IntVector.broadcast(I, offsets[xb + 1]).reinterpretShape(S, 0);
      ShortVector t1 = s1;

      for (int j = 0; j < 4; j++) {
        int xi = xb * 16 + 16 * j;
        IntVector qa = IntVector.fromMemorySegment(I, MEMORY, base + j * STEP, LITTLE_ENDIAN);
        IntVector qb =
            IntVector.fromMemorySegment(
                I, MEMORY, base + j * STEP + VectorShape.BYTES, LITTLE_ENDIAN);
        ShortVector wa = (ShortVector) qa.and(nibbles).reinterpretShape(S, 0);
        ShortVector wb = (ShortVector) qb.and(nibbles).reinterpretShape(S, 0);
        ShortVector x0 = (ShortVector) IntVector.broadcast(I, x[xi]).reinterpretShape(S, 0);
        s0 = x0.mul(wa).add(s0);
        t0 = x0.mul(wb).add(t0);
        ShortVector x1 = (ShortVector) IntVector.broadcast(I, x[xi + 1]).reinterpretShape(S, 0);
        s1 = x1.mul(wa).add(s1);
        t1 = x1.mul(wb).add(t1);
        wa = (ShortVector) qa.lanewise(LSHR, 4).and(nibbles).reinterpretShape(S, 0);
        wb = (ShortVector) qb.lanewise(LSHR, 4).and(nibbles).reinterpretShape(S, 0);
        x0 = (ShortVector) IntVector.broadcast(I, x[xi + 4]).reinterpretShape(S, 0);
        s0 = x0.mul(wa).add(s0);
        t0 = x0.mul(wb).add(t0);
        x1 = (ShortVector) IntVector.broadcast(I, x[xi + 5]).reinterpretShape(S, 0);
        s1 = x1.mul(wa).add(s1);
        t1 = x1.mul(wb).add(t1);
        wa = (ShortVector) qa.lanewise(LSHR, 8).and(nibbles).reinterpretShape(S, 0);
        wb = (ShortVector) qb.lanewise(LSHR, 8).and(nibbles).reinterpretShape(S, 0);
        x0 = (ShortVector) IntVector.broadcast(I, x[xi + 8]).reinterpretShape(S, 0);
        s0 = x0.mul(wa).add(s0);
        t0 = x0.mul(wb).add(t0);
        x1 = (ShortVector) IntVector.broadcast(I, x[xi + 9]).reinterpretShape(S, 0);
        s1 = x1.mul(wa).add(s1);
        t1 = x1.mul(wb).add(t1);
        wa = (ShortVector) qa.lanewise(LSHR, 12).and(nibbles).reinterpretShape(S, 0);
        wb = (ShortVector) qb.lanewise(LSHR, 12).and(nibbles).reinterpretShape(S, 0);
        x0 = (ShortVector) IntVector.broadcast(I, x[xi + 12]).reinterpretShape(S, 0);
        s0 = x0.mul(wa).add(s0);
        t0 = x0.mul(wb).add(t0);
        x1 = (ShortVector) IntVector.broadcast(I, x[xi + 13]).reinterpretShape(S, 0);
        s1 = x1.mul(wa).add(s1);
        t1 = x1.mul(wb).add(t1);
      }
      int o = i * GROUP_SUMS;
      IntVector total;
      IntVector v;
      total = IntVector.broadcast(I, totals[xb] * shifted);
      v = (IntVector) s0.reinterpretShape(I, 0);
      v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16)).add(total);
      ((FloatVector) v.convertShape(I2F, F, 0)).intoArray(sums, o);
      v = (IntVector) t0.reinterpretShape(I, 0);
      v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16)).add(total);
      ((FloatVector) v.convertShape(I2F, F, 0)).intoArray(sums, o + 1 * LANES);
      total = IntVector.broadcast(I, totals[xb + 1] * shifted);
      v = (IntVector) s1.reinterpretShape(I, 0);
      v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16)).add(total);
      ((FloatVector) v.convertShape(I2F, F, 0)).intoArray(sums, o + 2 * LANES);
      v = (IntVector) t1.reinterpretShape(I, 0);
      v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16)).add(total);
      ((FloatVector) v.convertShape(I2F, F, 0)).intoArray(sums, o + 3 * LANES);
      for (long a = base + 4 * STEP; a < p + at[i + 1 & 7]; a += OffHeap.ALIGNMENT) {
        touched += MEMORY.get(ValueLayout.JAVA_INT, a);
      }
    }
    return touched;
  }

  private static int four(
      long p,
      int[] at,
      int blocks,
      int[] x,
      int[] offsets,
      int[] totals,
      int shifted,
      int block,
      float[] sums) {
    IntVector nibbles = IntVector.broadcast(I, MASKS[0]);

    int touched = 0;
    for (int i = 0; i < blocks; i++) {
      long base = (p & ADDRESS) + at[i];
      int xb = (block + i) * 4;
      ShortVector s0 = (ShortVector) IntVector.broadcast(I, offsets[xb]).reinterpretShape(S, 0);
      ShortVector t0 = s0;
      ShortVector s1 = (ShortVector) IntVector.broadcast(I, offsets[xb + 1]).reinterpretShape(S, 0);
      ShortVector t1 = s1;
      ShortVector s2 = (ShortVector) IntVector.broadcast(I, offsets[xb + 2]).reinterpretShape(S, 0);
      ShortVector t2 = s2;
      ShortVector s3 = (ShortVector) IntVector.broadcast(I, offsets[xb + 3]).reinterpretShape(S, 0);
      ShortVector t3 = s3;

      for (int j = 0; j < 4; j++) {
        int xi = xb * 16 + 16 * j;
        IntVector qa = IntVector.fromMemorySegment(I, MEMORY, base + j * STEP, LITTLE_ENDIAN);
        IntVector qb =
            IntVector.fromMemorySegment(
                I, MEMORY, base + j * STEP + VectorShape.BYTES, LITTLE_ENDIAN);
        ShortVector wa = (ShortVector) qa.and(nibbles).reinterpretShape(S, 0);
        ShortVector wb = (ShortVector) qb.and(nibbles).reinterpretShape(S, 0);
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
        wa = (ShortVector) qa.lanewise(LSHR, 4).and(nibbles).reinterpretShape(S, 0);
        wb = (ShortVector) qb.lanewise(LSHR, 4).and(nibbles).reinterpretShape(S, 0);
        x0 = (ShortVector) IntVector.broadcast(I, x[xi + 4]).reinterpretShape(S, 0);
        s0 = x0.mul(wa).add(s0);
        t0 = x0.mul(wb).add(t0);
        x1 = (ShortVector) IntVector.broadcast(I, x[xi + 5]).reinterpretShape(S, 0);
        s1 = x1.mul(wa).add(s1);
        t1 = x1.mul(wb).add(t1);
        x2 = (ShortVector) IntVector.broadcast(I, x[xi + 6]).reinterpretShape(S, 0);
        s2 = x2.mul(wa).add(s2);
        t2 = x2.mul(wb).add(t2);
        x3 = (ShortVector) IntVector.broadcast(I, x[xi + 7]).reinterpretShape(S, 0);
        s3 = x3.mul(wa).add(s3);
        t3 = x3.mul(wb).add(t3);
        wa = (ShortVector) qa.lanewise(LSHR, 8).and(nibbles).reinterpretShape(S, 0);
        wb = (ShortVector) qb.lanewise(LSHR, 8).and(nibbles).reinterpretShape(S, 0);
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
        wa = (ShortVector) qa.lanewise(LSHR, 12).and(nibbles).reinterpretShape(S, 0);
        wb = (ShortVector) qb.lanewise(LSHR, 12).and(nibbles).reinterpretShape(S, 0);
        x0 = (ShortVector) IntVector.broadcast(I, x[xi + 12]).reinterpretShape(S, 0);
        s0 = x0.mul(wa).add(s0);
        t0 = x0.mul(wb).add(t0);
        x1 = (ShortVector) IntVector.broadcast(I, x[xi + 13]).reinterpretShape(S, 0);
        s1 = x1.mul(wa).add(s1);
        t1 = x1.mul(wb).add(t1);
        x2 = (ShortVector) IntVector.broadcast(I, x[xi + 14]).reinterpretShape(S, 0);
        s2 = x2.mul(wa).add(s2);
        t2 = x2.mul(wb).add(t2);
        x3 = (ShortVector) IntVector.broadcast(I, x[xi + 15]).reinterpretShape(S, 0);
        s3 = x3.mul(wa).add(s3);
        t3 = x3.mul(wb).add(t3);
      }
      int o = i * GROUP_SUMS;
      IntVector total;
      IntVector v;
      total = IntVector.broadcast(I, totals[xb] * shifted);
      v = (IntVector) s0.reinterpretShape(I, 0);
      v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16)).add(total);
      ((FloatVector) v.convertShape(I2F, F, 0)).intoArray(sums, o);
      v = (IntVector) t0.reinterpretShape(I, 0);
      v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16)).add(total);
      ((FloatVector) v.convertShape(I2F, F, 0)).intoArray(sums, o + 1 * LANES);
      total = IntVector.broadcast(I, totals[xb + 1] * shifted);
      v = (IntVector) s1.reinterpretShape(I, 0);
      v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16)).add(total);
      ((FloatVector) v.convertShape(I2F, F, 0)).intoArray(sums, o + 2 * LANES);
      v = (IntVector) t1.reinterpretShape(I, 0);
      v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16)).add(total);
      ((FloatVector) v.convertShape(I2F, F, 0)).intoArray(sums, o + 3 * LANES);
      total = IntVector.broadcast(I, totals[xb + 2] * shifted);
      v = (IntVector) s2.reinterpretShape(I, 0);
      v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16)).add(total);
      ((FloatVector) v.convertShape(I2F, F, 0)).intoArray(sums, o + 4 * LANES);
      v = (IntVector) t2.reinterpretShape(I, 0);
      v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16)).add(total);
      ((FloatVector) v.convertShape(I2F, F, 0)).intoArray(sums, o + 5 * LANES);
      total = IntVector.broadcast(I, totals[xb + 3] * shifted);
      v = (IntVector) s3.reinterpretShape(I, 0);
      v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16)).add(total);
      ((FloatVector) v.convertShape(I2F, F, 0)).intoArray(sums, o + 6 * LANES);
      v = (IntVector) t3.reinterpretShape(I, 0);
      v = v.lanewise(LSHL, 16).lanewise(ASHR, 16).add(v.lanewise(ASHR, 16)).add(total);
      ((FloatVector) v.convertShape(I2F, F, 0)).intoArray(sums, o + 7 * LANES);
      for (long a = base + 4 * STEP; a < p + at[i + 1 & 7]; a += OffHeap.ALIGNMENT) {
        touched += MEMORY.get(ValueLayout.JAVA_INT, a);
      }
    }
    return touched;
  }
}
