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

/** Five-bit weights of a tile times two tokens, as in {@link NibbleSums}. */
final class FifthSums {
  private static final int[] MASKS = {0x000f000f, 0x00100010};
  private static final int GROUP_SUMS = Activations.GROUP * Matrix.ROW_BLOCK;

  private FifthSums() {}

  /**
   * As {@link NibbleSums#multiply}, for two tokens; an int of fifth bits lies before the nibbles.
   */
  static int multiply(
      long p, int[] at, int blocks, QuantizedActivations x, int shifted, int block, float[] sums) {
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
    IntVector fifths = IntVector.broadcast(I, MASKS[1]);
    int touched = 0;
    for (int i = 0; i < blocks; i++) {
      long base = p + at[i] & ADDRESS;
      int xb = (block + i) * 4;
      ShortVector s0 = (ShortVector) IntVector.broadcast(I, offsets[xb]).reinterpretShape(S, 0);
      ShortVector t0 = s0;
      ShortVector s1 = (ShortVector) IntVector.broadcast(I, offsets[xb + 1]).reinterpretShape(S, 0);
      ShortVector t1 = s1;
      IntVector ha = IntVector.fromMemorySegment(I, MEMORY, base, LITTLE_ENDIAN);
      IntVector hb =
          IntVector.fromMemorySegment(I, MEMORY, base + VectorShape.BYTES, LITTLE_ENDIAN);

      for (int j = 0; j < 4; j++) {
        int xi = xb * 16 + 16 * j;
        IntVector qa =
            IntVector.fromMemorySegment(I, MEMORY, base + STEP + j * STEP, LITTLE_ENDIAN);
        IntVector qb =
            IntVector.fromMemorySegment(
                I, MEMORY, base + STEP + j * STEP + VectorShape.BYTES, LITTLE_ENDIAN);
        ShortVector wa =
            (ShortVector)
                qa.and(nibbles).or(ha.lanewise(LSHL, 4).and(fifths)).reinterpretShape(S, 0);
        ShortVector wb =
            (ShortVector)
                qb.and(nibbles).or(hb.lanewise(LSHL, 4).and(fifths)).reinterpretShape(S, 0);
        ShortVector x0 = (ShortVector) IntVector.broadcast(I, x[xi]).reinterpretShape(S, 0);
        s0 = x0.mul(wa).add(s0);
        t0 = x0.mul(wb).add(t0);
        ShortVector x1 = (ShortVector) IntVector.broadcast(I, x[xi + 1]).reinterpretShape(S, 0);
        s1 = x1.mul(wa).add(s1);
        t1 = x1.mul(wb).add(t1);
        wa =
            (ShortVector)
                qa.lanewise(LSHR, 4)
                    .and(nibbles)
                    .or(ha.lanewise(LSHL, 3).and(fifths))
                    .reinterpretShape(S, 0);
        wb =
            (ShortVector)
                qb.lanewise(LSHR, 4)
                    .and(nibbles)
                    .or(hb.lanewise(LSHL, 3).and(fifths))
                    .reinterpretShape(S, 0);
        x0 = (ShortVector) IntVector.broadcast(I, x[xi + 4]).reinterpretShape(S, 0);
        s0 = x0.mul(wa).add(s0);
        t0 = x0.mul(wb).add(t0);
        x1 = (ShortVector) IntVector.broadcast(I, x[xi + 5]).reinterpretShape(S, 0);
        s1 = x1.mul(wa).add(s1);
        t1 = x1.mul(wb).add(t1);
        wa =
            (ShortVector)
                qa.lanewise(LSHR, 8)
                    .and(nibbles)
                    .or(ha.lanewise(LSHR, 4).and(fifths))
                    .reinterpretShape(S, 0);
        wb =
            (ShortVector)
                qb.lanewise(LSHR, 8)
                    .and(nibbles)
                    .or(hb.lanewise(LSHR, 4).and(fifths))
                    .reinterpretShape(S, 0);
        x0 = (ShortVector) IntVector.broadcast(I, x[xi + 8]).reinterpretShape(S, 0);
        s0 = x0.mul(wa).add(s0);
        t0 = x0.mul(wb).add(t0);
        x1 = (ShortVector) IntVector.broadcast(I, x[xi + 9]).reinterpretShape(S, 0);
        s1 = x1.mul(wa).add(s1);
        t1 = x1.mul(wb).add(t1);
        wa =
            (ShortVector)
                qa.lanewise(LSHR, 12)
                    .and(nibbles)
                    .or(ha.lanewise(LSHR, 5).and(fifths))
                    .reinterpretShape(S, 0);
        wb =
            (ShortVector)
                qb.lanewise(LSHR, 12)
                    .and(nibbles)
                    .or(hb.lanewise(LSHR, 5).and(fifths))
                    .reinterpretShape(S, 0);
        x0 = (ShortVector) IntVector.broadcast(I, x[xi + 12]).reinterpretShape(S, 0);
        s0 = x0.mul(wa).add(s0);
        t0 = x0.mul(wb).add(t0);
        x1 = (ShortVector) IntVector.broadcast(I, x[xi + 13]).reinterpretShape(S, 0);
        s1 = x1.mul(wa).add(s1);
        t1 = x1.mul(wb).add(t1);
        ha = ha.lanewise(LSHR, 2);
        hb = hb.lanewise(LSHR, 2);
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
      for (long a = base + 5 * STEP; a < p + at[i + 1 & 7]; a += OffHeap.ALIGNMENT) {
        touched += MEMORY.get(ValueLayout.JAVA_INT, a);
      }
    }
    return touched;
  }
}
