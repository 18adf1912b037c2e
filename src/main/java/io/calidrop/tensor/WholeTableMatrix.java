package io.calidrop.tensor;

import static io.calidrop.tensor.OffHeap.ADDRESS;
import static io.calidrop.tensor.OffHeap.MEMORY;
import static io.calidrop.tensor.VectorShape.B;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.S;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * {@link IQ4Matrix} whose weights are looked up a vector of bytes at a time: ints of eight nibbles
 * lie as {@link PairBits} packs them.
 */
final class WholeTableMatrix extends IQ4Matrix {
  /** What the table is shifted by, so that its values are unsigned bytes. */
  private static final short CENTER = 128;

  /** The values, as often as a vector holds them. */
  static final byte[] TABLE = new byte[B.length()];

  private static final int[] NIBBLES = {0x0f0f0f0f};
  private static final int[] BYTES = {0x00ff00ff};

  static {
    for (int i = 0; i < TABLE.length; i++) {
      TABLE[i] = (byte) (NonLinearBlocks.VALUES[i % 16] + CENTER);
    }
  }

  WholeTableMatrix(boolean scaled, int rows, int columns, Arena arena) {
    super(scaled, rows, columns, Activations.TRIPLES, arena);
  }

  @Override
  void store(int nibbles, MemorySegment tile, long at, int lane) {
    tile.set(INT, at + lane * 4L, nibbles);
  }

  @Override
  void dot(
      long address, int tiles, int runs, int blocks, QuantizedActivations x, float[] out, int row) {
    dot(address, tiles, runs, blocks, x.triples, x.scales, out, row);
  }

  /* A lane of ints adds pairs of sums of two products as they are, and the higher ones again by themselves:
   * one shift for two products, where each half by itself takes three; see triples. */
  private static void dot(
      long p, int tiles, int runs, int runBlocks, int[] x, float[] scales, float[] out, int row) {
    ByteVector table = ByteVector.fromArray(B, TABLE, 0);
    IntVector nibbles = IntVector.broadcast(I, NIBBLES[0]);
    IntVector bytes = IntVector.broadcast(I, BYTES[0]);
    for (int tile = 0; tile < tiles; tile++) {
      FloatVector acc0 = FloatVector.zero(F);
      FloatVector acc1 = acc0;
      for (int run = 0; run < runs; run++) {
        long base = p & ADDRESS;
        for (int i = 0; i < runBlocks; i++) {
          int b = run * runBlocks + i;
          long q = base + NIBBLES_AT[i] & ADDRESS;
          IntVector a0 = IntVector.zero(I);
          IntVector a0High = a0;
          IntVector b0 = a0;
          IntVector b0High = a0;
          for (int j = 0; j < 4; j++) {
            int k = b * 24 + 2 * j;
            long at = q + j * STEP;
            IntVector qa = IntVector.fromMemorySegment(I, MEMORY, at, LITTLE_ENDIAN);
            IntVector qb =
                IntVector.fromMemorySegment(I, MEMORY, at + VectorShape.BYTES, LITTLE_ENDIAN);
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
            ShortVector x0 = (ShortVector) IntVector.broadcast(I, x[k]).reinterpretShape(S, 0);
            ShortVector x1 = (ShortVector) IntVector.broadcast(I, x[k + 8]).reinterpretShape(S, 0);
            ShortVector offset =
                (ShortVector) IntVector.broadcast(I, x[k + 16]).reinterpretShape(S, 0);
            ShortVector w = (ShortVector) va.reinterpretShape(S, 0);
            IntVector s =
                (IntVector)
                    x0.mul(w)
                        .add(
                            x1.mul(
                                (ShortVector)
                                    va.lanewise(LSHR, 8).and(bytes).reinterpretShape(S, 0)))
                        .add(offset)
                        .reinterpretShape(I, 0);
            a0 = s.add(a0);
            a0High = s.lanewise(ASHR, 16).add(a0High);
            w = (ShortVector) vb.reinterpretShape(S, 0);
            s =
                (IntVector)
                    x0.mul(w)
                        .add(
                            x1.mul(
                                (ShortVector)
                                    vb.lanewise(LSHR, 8).and(bytes).reinterpretShape(S, 0)))
                        .add(offset)
                        .reinterpretShape(I, 0);
            b0 = s.add(b0);
            b0High = s.lanewise(ASHR, 16).add(b0High);

            va =
                (IntVector)
                    ((ByteVector) qa.lanewise(LSHR, 4).and(nibbles).reinterpretShape(B, 0))
                        .selectFrom(table)
                        .reinterpretShape(I, 0);
            vb =
                (IntVector)
                    ((ByteVector) qb.lanewise(LSHR, 4).and(nibbles).reinterpretShape(B, 0))
                        .selectFrom(table)
                        .reinterpretShape(I, 0);
            x0 = (ShortVector) IntVector.broadcast(I, x[k + 1]).reinterpretShape(S, 0);
            x1 = (ShortVector) IntVector.broadcast(I, x[k + 9]).reinterpretShape(S, 0);
            offset = (ShortVector) IntVector.broadcast(I, x[k + 17]).reinterpretShape(S, 0);
            w = (ShortVector) va.reinterpretShape(S, 0);
            s =
                (IntVector)
                    x0.mul(w)
                        .add(
                            x1.mul(
                                (ShortVector)
                                    va.lanewise(LSHR, 8).and(bytes).reinterpretShape(S, 0)))
                        .add(offset)
                        .reinterpretShape(I, 0);
            a0 = s.add(a0);
            a0High = s.lanewise(ASHR, 16).add(a0High);
            w = (ShortVector) vb.reinterpretShape(S, 0);
            s =
                (IntVector)
                    x0.mul(w)
                        .add(
                            x1.mul(
                                (ShortVector)
                                    vb.lanewise(LSHR, 8).and(bytes).reinterpretShape(S, 0)))
                        .add(offset)
                        .reinterpretShape(I, 0);
            b0 = s.add(b0);
            b0High = s.lanewise(ASHR, 16).add(b0High);
          }
          FloatVector factor = FloatVector.broadcast(F, scales[b]);
          FloatVector scale0 =
              (FloatVector)
                  IntVector.fromMemorySegment(I, MEMORY, base + D, LITTLE_ENDIAN)
                      .reinterpretShape(F, 0);
          FloatVector scale1 =
              (FloatVector)
                  IntVector.fromMemorySegment(
                          I, MEMORY, base + D + VectorShape.BYTES, LITTLE_ENDIAN)
                      .reinterpretShape(F, 0);
          if (runBlocks > 1) {
            long at = base + SCALES_AT[i] & ADDRESS;
            int shift = 24 - 8 * (i & 3);
            scale0 =
                scale0.mul(
                    IntVector.fromMemorySegment(I, MEMORY, at, LITTLE_ENDIAN)
                        .lanewise(LSHL, shift)
                        .lanewise(ASHR, 24)
                        .convertShape(I2F, F, 0));
            scale1 =
                scale1.mul(
                    IntVector.fromMemorySegment(I, MEMORY, at + VectorShape.BYTES, LITTLE_ENDIAN)
                        .lanewise(LSHL, shift)
                        .lanewise(ASHR, 24)
                        .convertShape(I2F, F, 0));
          }
          IntVector sum0 =
              a0.sub(a0High.lanewise(LSHL, 16))
                  .add(a0High)
                  .sub(QuantizedActivations.TRIPLES_OFFSET);
          IntVector sum1 =
              b0.sub(b0High.lanewise(LSHL, 16))
                  .add(b0High)
                  .sub(QuantizedActivations.TRIPLES_OFFSET);
          acc0 = ((FloatVector) sum0.convertShape(I2F, F, 0)).fma(scale0.mul(factor), acc0);
          acc1 = ((FloatVector) sum1.convertShape(I2F, F, 0)).fma(scale1.mul(factor), acc1);
        }
        p += runBytes(runBlocks);
      }
      acc0.intoArray(out, row + tile * ROW_BLOCK);
      acc1.intoArray(out, row + tile * ROW_BLOCK + LANES);
    }
  }

  @Override
  void two(long run, int[] at, int blocks, QuantizedActivations x, int block, int t, float[] sums) {
    TableSums.two(run, at, blocks, x.triples, block, t, sums);
  }

  @Override
  void unpack(long address, float[] w, int o) {
    ByteVector table = ByteVector.fromArray(B, TABLE, 0);
    IntVector nibbles = IntVector.broadcast(I, NIBBLES[0]);
    for (int k = 0; k < 16; k++) {
      IntVector index =
          IntVector.fromMemorySegment(I, MEMORY, address + (k >> 2) * STEP, LITTLE_ENDIAN)
              .lanewise(LSHR, 4 * (k & 3))
              .and(nibbles);
      IntVector v =
          (IntVector)
              ((ByteVector) index.reinterpretShape(B, 0)).selectFrom(table).reinterpretShape(I, 0);
      int to = o + QuantizedActivations.pairColumn(k) * ROW_BLOCK;
      ((FloatVector) v.and(0xff).sub(CENTER).convertShape(I2F, F, 0)).intoArray(w, to);
      ((FloatVector) v.lanewise(LSHR, 16).and(0xff).sub(CENTER).convertShape(I2F, F, 0))
          .intoArray(w, to + 2 * ROW_BLOCK);
    }
  }
}
