package io.calidrop.tensor;

import static io.calidrop.tensor.OffHeap.ADDRESS;
import static io.calidrop.tensor.OffHeap.MEMORY;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.S;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.B2S;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link IQ4Matrix} for vectors of 256 bits: sixteen bytes at a time are looked up, one instruction
 * where a whole vector takes five, and widened to the shorts that are multiplied.
 *
 * <p>So an int of eight nibbles is two shorts here, of the first and of the second byte of its
 * halves: of each vector of rows the first half holds the former, the second half the latter.
 */
final class HalfTableMatrix extends IQ4Matrix {
  private static final VectorSpecies<Byte> HALF = ByteVector.SPECIES_128;
  private static final VectorSpecies<Integer> HALF_INTS = IntVector.SPECIES_128;
  private static final int HALF_BYTES = 16;
  private static final byte[] TABLE = new byte[HALF.length()];

  /** Added to the lower half of an int, so that it is never negative and ints add up. */
  private static final int[] LOWER = {1 << 15};

  static {
    for (int i = 0; i < TABLE.length; i++) {
      TABLE[i] = NonLinearBlocks.VALUES[i];
    }
  }

  HalfTableMatrix(boolean scaled, int rows, int columns, Arena arena) {
    super(scaled, rows, columns, Activations.PAIRS, arena);
  }

  @Override
  void store(int nibbles, MemorySegment tile, long at, int lane) {
    long to = at + lane / LANES * VectorShape.BYTES + lane % LANES * 2;
    int first = nibbles & 0xff | nibbles >> 8 & 0xff00;
    int second = nibbles >> 8 & 0xff | nibbles >> 16 & 0xff00;
    tile.set(SHORT, to, (short) first);
    tile.set(SHORT, to + HALF_BYTES, (short) second);
  }

  @Override
  void dot(
      long address, int tiles, int runs, int blocks, QuantizedActivations x, float[] out, int row) {
    dot(address, tiles, runs, blocks, x.pairs, x.scales, out, row);
  }

  private static void dot(
      long p, int tiles, int runs, int runBlocks, int[] x, float[] scales, float[] out, int row) {
    ByteVector table = ByteVector.fromArray(HALF, TABLE, 0);
    ShortVector lower = (ShortVector) IntVector.broadcast(I, LOWER[0]).reinterpretShape(S, 0);
    for (int tile = 0; tile < tiles; tile++) {
      FloatVector acc0 = FloatVector.zero(F);
      FloatVector acc1 = acc0;
      for (int run = 0; run < runs; run++) {
        long base = p & ADDRESS;
        for (int i = 0; i < runBlocks; i++) {
          int b = run * runBlocks + i;
          long q = base + NIBBLES_AT[i] & ADDRESS;
          IntVector a = IntVector.zero(I);
          IntVector aHigh = a;
          IntVector b0 = a;
          IntVector bHigh = a;
          for (int j = 0; j < 4; j++) {
            int k = b * 16 + 4 * j;
            IntVector q0 =
                IntVector.fromMemorySegment(HALF_INTS, MEMORY, q + j * STEP, LITTLE_ENDIAN);
            IntVector q1 =
                IntVector.fromMemorySegment(
                    HALF_INTS, MEMORY, q + j * STEP + HALF_BYTES, LITTLE_ENDIAN);
            IntVector q2 =
                IntVector.fromMemorySegment(
                    HALF_INTS, MEMORY, q + j * STEP + VectorShape.BYTES, LITTLE_ENDIAN);
            IntVector q3 =
                IntVector.fromMemorySegment(
                    HALF_INTS,
                    MEMORY,
                    q + j * STEP + VectorShape.BYTES + HALF_BYTES,
                    LITTLE_ENDIAN);
            ShortVector xk = (ShortVector) IntVector.broadcast(I, x[k]).reinterpretShape(S, 0);
            ShortVector xl = (ShortVector) IntVector.broadcast(I, x[k + 2]).reinterpretShape(S, 0);
            ShortVector u =
                (ShortVector)
                    ((ByteVector) q0.reinterpretShape(HALF, 0))
                        .and((byte) 15)
                        .selectFrom(table)
                        .convertShape(B2S, S, 0);
            ShortVector v =
                (ShortVector)
                    ((ByteVector) q1.reinterpretShape(HALF, 0))
                        .and((byte) 15)
                        .selectFrom(table)
                        .convertShape(B2S, S, 0);
            IntVector s = (IntVector) u.mul(xk).add(v.mul(xl)).add(lower).reinterpretShape(I, 0);
            a = s.add(a);
            aHigh = s.lanewise(ASHR, 16).add(aHigh);
            u =
                (ShortVector)
                    ((ByteVector) q2.reinterpretShape(HALF, 0))
                        .and((byte) 15)
                        .selectFrom(table)
                        .convertShape(B2S, S, 0);
            v =
                (ShortVector)
                    ((ByteVector) q3.reinterpretShape(HALF, 0))
                        .and((byte) 15)
                        .selectFrom(table)
                        .convertShape(B2S, S, 0);
            s = (IntVector) u.mul(xk).add(v.mul(xl)).add(lower).reinterpretShape(I, 0);
            b0 = s.add(b0);
            bHigh = s.lanewise(ASHR, 16).add(bHigh);
            xk = (ShortVector) IntVector.broadcast(I, x[k + 1]).reinterpretShape(S, 0);
            xl = (ShortVector) IntVector.broadcast(I, x[k + 3]).reinterpretShape(S, 0);
            u =
                (ShortVector)
                    ((ByteVector) q0.lanewise(LSHR, 4).reinterpretShape(HALF, 0))
                        .and((byte) 15)
                        .selectFrom(table)
                        .convertShape(B2S, S, 0);
            v =
                (ShortVector)
                    ((ByteVector) q1.lanewise(LSHR, 4).reinterpretShape(HALF, 0))
                        .and((byte) 15)
                        .selectFrom(table)
                        .convertShape(B2S, S, 0);
            s = (IntVector) u.mul(xk).add(v.mul(xl)).add(lower).reinterpretShape(I, 0);
            a = s.add(a);
            aHigh = s.lanewise(ASHR, 16).add(aHigh);
            u =
                (ShortVector)
                    ((ByteVector) q2.lanewise(LSHR, 4).reinterpretShape(HALF, 0))
                        .and((byte) 15)
                        .selectFrom(table)
                        .convertShape(B2S, S, 0);
            v =
                (ShortVector)
                    ((ByteVector) q3.lanewise(LSHR, 4).reinterpretShape(HALF, 0))
                        .and((byte) 15)
                        .selectFrom(table)
                        .convertShape(B2S, S, 0);
            s = (IntVector) u.mul(xk).add(v.mul(xl)).add(lower).reinterpretShape(I, 0);
            b0 = s.add(b0);
            bHigh = s.lanewise(ASHR, 16).add(bHigh);
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
              a.sub(aHigh.lanewise(LSHL, 16)).add(aHigh).sub(QuantizedActivations.TRIPLES_OFFSET);
          IntVector sum1 =
              b0.sub(bHigh.lanewise(LSHL, 16)).add(bHigh).sub(QuantizedActivations.TRIPLES_OFFSET);
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
    two(run, at, blocks, x.pairs, block, t, sums);
  }

  private static void two(long p, int[] at, int blocks, int[] x, int block, int t, float[] sums) {
    ByteVector table = ByteVector.fromArray(HALF, TABLE, 0);
    ShortVector lower = (ShortVector) IntVector.broadcast(I, LOWER[0]).reinterpretShape(S, 0);
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
      for (int j = 0; j < 4; j++) {
        int k = (block + i) * 64 + 16 * j + t;
        long q = base + j * STEP;
        IntVector q0 = IntVector.fromMemorySegment(HALF_INTS, MEMORY, q, LITTLE_ENDIAN);
        IntVector q1 =
            IntVector.fromMemorySegment(HALF_INTS, MEMORY, q + HALF_BYTES, LITTLE_ENDIAN);
        IntVector q2 =
            IntVector.fromMemorySegment(HALF_INTS, MEMORY, q + VectorShape.BYTES, LITTLE_ENDIAN);
        IntVector q3 =
            IntVector.fromMemorySegment(
                HALF_INTS, MEMORY, q + VectorShape.BYTES + HALF_BYTES, LITTLE_ENDIAN);
        ShortVector ua =
            (ShortVector)
                ((ByteVector) q0.reinterpretShape(HALF, 0))
                    .and((byte) 15)
                    .selectFrom(table)
                    .convertShape(B2S, S, 0);
        ShortVector va =
            (ShortVector)
                ((ByteVector) q1.reinterpretShape(HALF, 0))
                    .and((byte) 15)
                    .selectFrom(table)
                    .convertShape(B2S, S, 0);
        ShortVector ub =
            (ShortVector)
                ((ByteVector) q2.reinterpretShape(HALF, 0))
                    .and((byte) 15)
                    .selectFrom(table)
                    .convertShape(B2S, S, 0);
        ShortVector vb =
            (ShortVector)
                ((ByteVector) q3.reinterpretShape(HALF, 0))
                    .and((byte) 15)
                    .selectFrom(table)
                    .convertShape(B2S, S, 0);
        ShortVector x0 = (ShortVector) IntVector.broadcast(I, x[k]).reinterpretShape(S, 0);
        ShortVector x1 = (ShortVector) IntVector.broadcast(I, x[k + 8]).reinterpretShape(S, 0);
        IntVector s = (IntVector) ua.mul(x0).add(va.mul(x1)).add(lower).reinterpretShape(I, 0);
        a0 = s.add(a0);
        a0High = s.lanewise(ASHR, 16).add(a0High);
        s = (IntVector) ub.mul(x0).add(vb.mul(x1)).add(lower).reinterpretShape(I, 0);
        b0 = s.add(b0);
        b0High = s.lanewise(ASHR, 16).add(b0High);
        x0 = (ShortVector) IntVector.broadcast(I, x[k + 1]).reinterpretShape(S, 0);
        x1 = (ShortVector) IntVector.broadcast(I, x[k + 9]).reinterpretShape(S, 0);
        s = (IntVector) ua.mul(x0).add(va.mul(x1)).add(lower).reinterpretShape(I, 0);
        a1 = s.add(a1);
        a1High = s.lanewise(ASHR, 16).add(a1High);
        s = (IntVector) ub.mul(x0).add(vb.mul(x1)).add(lower).reinterpretShape(I, 0);
        b1 = s.add(b1);
        b1High = s.lanewise(ASHR, 16).add(b1High);
        ua =
            (ShortVector)
                ((ByteVector) q0.lanewise(LSHR, 4).reinterpretShape(HALF, 0))
                    .and((byte) 15)
                    .selectFrom(table)
                    .convertShape(B2S, S, 0);
        va =
            (ShortVector)
                ((ByteVector) q1.lanewise(LSHR, 4).reinterpretShape(HALF, 0))
                    .and((byte) 15)
                    .selectFrom(table)
                    .convertShape(B2S, S, 0);
        ub =
            (ShortVector)
                ((ByteVector) q2.lanewise(LSHR, 4).reinterpretShape(HALF, 0))
                    .and((byte) 15)
                    .selectFrom(table)
                    .convertShape(B2S, S, 0);
        vb =
            (ShortVector)
                ((ByteVector) q3.lanewise(LSHR, 4).reinterpretShape(HALF, 0))
                    .and((byte) 15)
                    .selectFrom(table)
                    .convertShape(B2S, S, 0);
        x0 = (ShortVector) IntVector.broadcast(I, x[k + 4]).reinterpretShape(S, 0);
        x1 = (ShortVector) IntVector.broadcast(I, x[k + 12]).reinterpretShape(S, 0);
        s = (IntVector) ua.mul(x0).add(va.mul(x1)).add(lower).reinterpretShape(I, 0);
        a0 = s.add(a0);
        a0High = s.lanewise(ASHR, 16).add(a0High);
        s = (IntVector) ub.mul(x0).add(vb.mul(x1)).add(lower).reinterpretShape(I, 0);
        b0 = s.add(b0);
        b0High = s.lanewise(ASHR, 16).add(b0High);
        x0 = (ShortVector) IntVector.broadcast(I, x[k + 5]).reinterpretShape(S, 0);
        x1 = (ShortVector) IntVector.broadcast(I, x[k + 13]).reinterpretShape(S, 0);
        s = (IntVector) ua.mul(x0).add(va.mul(x1)).add(lower).reinterpretShape(I, 0);
        a1 = s.add(a1);
        a1High = s.lanewise(ASHR, 16).add(a1High);
        s = (IntVector) ub.mul(x0).add(vb.mul(x1)).add(lower).reinterpretShape(I, 0);
        b1 = s.add(b1);
        b1High = s.lanewise(ASHR, 16).add(b1High);
      }
      int o = (4 * i + t) * ROW_BLOCK;
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

  @Override
  void unpack(long address, float[] w, int o) {
    ByteVector table = ByteVector.fromArray(HALF, TABLE, 0);
    for (int k = 0; k < 16; k++) {
      long at = address + (k >> 2) * STEP + (k >> 1 & 1) * HALF_BYTES;
      IntVector v =
          (IntVector)
              ((ByteVector)
                      IntVector.fromMemorySegment(HALF_INTS, MEMORY, at, LITTLE_ENDIAN)
                          .lanewise(LSHR, 4 * (k & 1))
                          .reinterpretShape(HALF, 0))
                  .and((byte) 15)
                  .selectFrom(table)
                  .convertShape(B2S, S, 0)
                  .reinterpretShape(I, 0);
      int to = o + QuantizedActivations.pairColumn(k) * ROW_BLOCK;
      ((FloatVector) v.lanewise(LSHL, 16).lanewise(ASHR, 16).convertShape(I2F, F, 0))
          .intoArray(w, to);
      ((FloatVector) v.lanewise(ASHR, 16).convertShape(I2F, F, 0)).intoArray(w, to + 2 * ROW_BLOCK);
    }
  }
}
