package io.calidrop.tensor;

import static io.calidrop.tensor.OffHeap.ADDRESS;
import static io.calidrop.tensor.OffHeap.MEMORY;
import static io.calidrop.tensor.TiledMatrix.STEP;
import static io.calidrop.tensor.VectorShape.B;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static io.calidrop.tensor.VectorShape.S;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/** {@link ByteSums} of weights that four bits look up. */
final class TableSums {
  private static final int[] NIBBLES = {0x0f0f0f0f};

  private static final int[] BYTES = {0x00ff00ff};

  private TableSums() {}

  /**
   * Sums of {@code q * x} of blocks of 32 columns.
   *
   * @param p address of the first block
   * @param at bytes from there to each block
   * @param x as {@link QuantizedActivations#triples}
   * @param block index of the group's first block in them
   * @param t the first of the two tokens in its group
   * @param sums [blocks][4][rows of a tile], of which those of the two tokens are overwritten
   */
  static void two(long p, int[] at, int blocks, int[] x, int block, int t, float[] sums) {
    ByteVector table = ByteVector.fromArray(B, WholeTableMatrix.TABLE, 0);
    IntVector nibbles = IntVector.broadcast(I, NIBBLES[0]);
    IntVector bytes = IntVector.broadcast(I, BYTES[0]);
    for (int i = 0; i < blocks; i++) {
      long base = p + at[i] & ADDRESS;
      IntVector a0 = IntVector.zero(I);
      IntVector a0High = a0;
      IntVector b0 = a0;
      IntVector b0High = a0;
      IntVector a1 = a0;
      IntVector a1High = a0;
      IntVector b1 = a0;
      IntVector b1High = a0;
      for (int m = 0; m < 8; m++) {
        int k = (block + i) * 96 + 4 * m + t;
        int shift = 4 * (m & 1);
        long q = base + (m >> 1) * STEP;
        IntVector qa =
            IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN).lanewise(LSHR, shift);
        IntVector qb =
            IntVector.fromMemorySegment(I, MEMORY, q + VectorShape.BYTES, LITTLE_ENDIAN)
                .lanewise(LSHR, shift);
        IntVector va =
            (IntVector)
                ((ByteVector) qa.and(nibbles).reinterpretShape(B, 0))
                    .selectFrom(table)
                    .reinterpretShape(I, 0);
        IntVector vb =
            (IntVector)
                ((ByteVector) qb.and(nibbles).reinterpretShape(B, 0))
                    .selectFrom(table)
                    .reinterpretShape(I, 0);

        ShortVector lowa = (ShortVector) va.reinterpretShape(S, 0);
        ShortVector higha = (ShortVector) va.lanewise(LSHR, 8).and(bytes).reinterpretShape(S, 0);
        ShortVector lowb = (ShortVector) vb.reinterpretShape(S, 0);
        ShortVector highb = (ShortVector) vb.lanewise(LSHR, 8).and(bytes).reinterpretShape(S, 0);
        ShortVector x0;
        ShortVector x1;
        ShortVector offset;
        IntVector s;
        x0 = (ShortVector) IntVector.broadcast(I, x[k]).reinterpretShape(S, 0);
        x1 = (ShortVector) IntVector.broadcast(I, x[k + 32]).reinterpretShape(S, 0);
        offset = (ShortVector) IntVector.broadcast(I, x[k + 64]).reinterpretShape(S, 0);
        s = (IntVector) x0.mul(lowa).add(x1.mul(higha)).add(offset).reinterpretShape(I, 0);
        a0 = s.add(a0);
        a0High = s.lanewise(ASHR, 16).add(a0High);
        s = (IntVector) x0.mul(lowb).add(x1.mul(highb)).add(offset).reinterpretShape(I, 0);
        b0 = s.add(b0);
        b0High = s.lanewise(ASHR, 16).add(b0High);
        x0 = (ShortVector) IntVector.broadcast(I, x[k + 1]).reinterpretShape(S, 0);
        x1 = (ShortVector) IntVector.broadcast(I, x[k + 33]).reinterpretShape(S, 0);
        offset = (ShortVector) IntVector.broadcast(I, x[k + 65]).reinterpretShape(S, 0);
        s = (IntVector) x0.mul(lowa).add(x1.mul(higha)).add(offset).reinterpretShape(I, 0);
        a1 = s.add(a1);
        a1High = s.lanewise(ASHR, 16).add(a1High);
        s = (IntVector) x0.mul(lowb).add(x1.mul(highb)).add(offset).reinterpretShape(I, 0);
        b1 = s.add(b1);
        b1High = s.lanewise(ASHR, 16).add(b1High);
      }
      int o = (4 * i + t) * Matrix.ROW_BLOCK;
      ((FloatVector)
              a0.sub(a0High.lanewise(LSHL, 16))
                  .add(a0High)
                  .sub(QuantizedActivations.TRIPLES_OFFSET)
                  .convertShape(I2F, F, 0))
          .intoArray(sums, o);
      ((FloatVector)
              b0.sub(b0High.lanewise(LSHL, 16))
                  .add(b0High)
                  .sub(QuantizedActivations.TRIPLES_OFFSET)
                  .convertShape(I2F, F, 0))
          .intoArray(sums, o + 1 * LANES);
      ((FloatVector)
              a1.sub(a1High.lanewise(LSHL, 16))
                  .add(a1High)
                  .sub(QuantizedActivations.TRIPLES_OFFSET)
                  .convertShape(I2F, F, 0))
          .intoArray(sums, o + 2 * LANES);
      ((FloatVector)
              b1.sub(b1High.lanewise(LSHL, 16))
                  .add(b1High)
                  .sub(QuantizedActivations.TRIPLES_OFFSET)
                  .convertShape(I2F, F, 0))
          .intoArray(sums, o + 3 * LANES);
    }
  }
}
