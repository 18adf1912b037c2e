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
  private static final int[] MASKS = {0x001f001f, 0x80008000};
  private static final int GROUP_SUMS = Activations.GROUP * Matrix.ROW_BLOCK;

  private FifthSums() {}

  /**
   * As {@link NibbleSums#multiply}, for two tokens; five ints of fields, see {@link
   * PairBits#fields}.
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
    IntVector fields = IntVector.broadcast(I, MASKS[0]);
    IntVector lastBits = IntVector.broadcast(I, MASKS[1]);
    int touched = 0;
    for (int i = 0; i < blocks; i++) {
      long base = p + at[i] & ADDRESS;
      int xb = (block + i) * 4;
      ShortVector s0 = (ShortVector) IntVector.broadcast(I, offsets[xb]).reinterpretShape(S, 0);
      ShortVector t0 = s0;
      ShortVector s1 = (ShortVector) IntVector.broadcast(I, offsets[xb + 1]).reinterpretShape(S, 0);
      ShortVector t1 = s1;
      IntVector lasta = IntVector.zero(I);
      IntVector lastb = lasta;
      int xi = xb * 16;
      for (int j = 0; j < 5; j++) {
        long q = base + j * STEP;
        int k = xi + 12 * j;
        IntVector qa = IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN);
        IntVector qb = IntVector.fromMemorySegment(I, MEMORY, q + VectorShape.BYTES, LITTLE_ENDIAN);
        ShortVector wa = (ShortVector) qa.and(fields).reinterpretShape(S, 0);
        ShortVector wb = (ShortVector) qb.and(fields).reinterpretShape(S, 0);
        ShortVector x0 = (ShortVector) IntVector.broadcast(I, x[k]).reinterpretShape(S, 0);
        s0 = x0.mul(wa).add(s0);
        t0 = x0.mul(wb).add(t0);
        ShortVector x1 = (ShortVector) IntVector.broadcast(I, x[k + 1]).reinterpretShape(S, 0);
        s1 = x1.mul(wa).add(s1);
        t1 = x1.mul(wb).add(t1);
        wa = (ShortVector) qa.lanewise(LSHR, 5).and(fields).reinterpretShape(S, 0);
        wb = (ShortVector) qb.lanewise(LSHR, 5).and(fields).reinterpretShape(S, 0);
        x0 = (ShortVector) IntVector.broadcast(I, x[k + 4]).reinterpretShape(S, 0);
        s0 = x0.mul(wa).add(s0);
        t0 = x0.mul(wb).add(t0);
        x1 = (ShortVector) IntVector.broadcast(I, x[k + 5]).reinterpretShape(S, 0);
        s1 = x1.mul(wa).add(s1);
        t1 = x1.mul(wb).add(t1);
        wa = (ShortVector) qa.lanewise(LSHR, 10).and(fields).reinterpretShape(S, 0);
        wb = (ShortVector) qb.lanewise(LSHR, 10).and(fields).reinterpretShape(S, 0);
        x0 = (ShortVector) IntVector.broadcast(I, x[k + 8]).reinterpretShape(S, 0);
        s0 = x0.mul(wa).add(s0);
        t0 = x0.mul(wb).add(t0);
        x1 = (ShortVector) IntVector.broadcast(I, x[k + 9]).reinterpretShape(S, 0);
        s1 = x1.mul(wa).add(s1);
        t1 = x1.mul(wb).add(t1);
        lasta = qa.and(lastBits).or(lasta.lanewise(LSHR, 1));
        lastb = qb.and(lastBits).or(lastb.lanewise(LSHR, 1));
      }
      ShortVector va = (ShortVector) lasta.lanewise(LSHR, 11).reinterpretShape(S, 0);
      ShortVector vb = (ShortVector) lastb.lanewise(LSHR, 11).reinterpretShape(S, 0);
      ShortVector y0 = (ShortVector) IntVector.broadcast(I, x[xi + 60]).reinterpretShape(S, 0);
      s0 = y0.mul(va).add(s0);
      t0 = y0.mul(vb).add(t0);
      ShortVector y1 = (ShortVector) IntVector.broadcast(I, x[xi + 61]).reinterpretShape(S, 0);
      s1 = y1.mul(va).add(s1);
      t1 = y1.mul(vb).add(t1);
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
