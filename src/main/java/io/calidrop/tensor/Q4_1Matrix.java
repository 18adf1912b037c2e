package io.calidrop.tensor;

import static io.calidrop.tensor.OffHeap.ADDRESS;
import static io.calidrop.tensor.OffHeap.MEMORY;
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
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * Q4_1 weights: {@code w = d * q + m}, q in 0..15.
 *
 * <p>A block of 32 columns, 20 bytes as in the file, is five ints: d and m as half precision
 * numbers, then four of eight nibbles. In a tile it is [5][rows] ints, d and m the last.
 */
final class Q4_1Matrix extends NibbleMatrix {
  private static final int INTS = 5;
  private static final int SUM = Chain.NIBBLES.stride;
  private static final int[] BITS_AT = offsets(i -> INTS * i);

  Q4_1Matrix(int rows, int columns, Arena arena) {
    long bytes = (long) columns / Activations.BLOCK * INTS * STEP;
    super(rows, columns, BITS_AT, 8 * INTS * STEP, bytes, false, true, arena);
  }

  @Override
  void repackRow(MemorySegment source, long offset, MemorySegment tile, int lane) {
    int ints = columns() / Activations.BLOCK * INTS;
    for (int i = 0; i < ints; i++) {
      int to = i % INTS == 0 ? i + INTS - 1 : i - 1;
      tile.set(INT, (long) to * STEP + lane * 4L, source.get(INT, offset + i * 4L));
    }
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    dot(address, tiles, columns() / Activations.BLOCK, x.fine.chains, out, row);
  }

  /* The products of both short lanes of an int, less 8 times the sum of its activations, fit 16 bits, as
   * activations are bounded for NibbleGemm; the sum starts from that offset and may wrap around on the way. */
  private static void dot(long p, int tiles, int blocks, int[] x, float[] out, int row) {
    long tileBytes = blocks * (long) INTS * STEP;
    for (int b = 0; b < blocks; b++, p += INTS * STEP) {
      int o = b * SUM;
      for (int t = 0; t < tiles; t++) {
        long base = p + t * tileBytes & ADDRESS;
        int r = row + t * ROW_BLOCK;
        ShortVector s0 = (ShortVector) IntVector.broadcast(I, x[o]).reinterpretShape(S, 0);
        ShortVector s1 = s0;
        for (int j = 0; j < 4; j++) {
          int k = o + 1 + 4 * j;
          long q = base + j * STEP;
          IntVector w0 = IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN);
          IntVector w1 =
              IntVector.fromMemorySegment(I, MEMORY, q + VectorShape.BYTES, LITTLE_ENDIAN);
          ShortVector xk = (ShortVector) IntVector.broadcast(I, x[k]).reinterpretShape(S, 0);
          s0 = ((ShortVector) w0.reinterpretShape(S, 0)).mul(xk).add(s0);
          s1 = ((ShortVector) w1.reinterpretShape(S, 0)).mul(xk).add(s1);
          xk = (ShortVector) IntVector.broadcast(I, x[k + 1]).reinterpretShape(S, 0);
          s0 = ((ShortVector) w0.lanewise(LSHR, 4).reinterpretShape(S, 0)).mul(xk).add(s0);
          s1 = ((ShortVector) w1.lanewise(LSHR, 4).reinterpretShape(S, 0)).mul(xk).add(s1);
          xk = (ShortVector) IntVector.broadcast(I, x[k + 2]).reinterpretShape(S, 0);
          s0 = ((ShortVector) w0.lanewise(LSHR, 8).reinterpretShape(S, 0)).mul(xk).add(s0);
          s1 = ((ShortVector) w1.lanewise(LSHR, 8).reinterpretShape(S, 0)).mul(xk).add(s1);
          xk = (ShortVector) IntVector.broadcast(I, x[k + 3]).reinterpretShape(S, 0);
          s0 = ((ShortVector) w0.lanewise(LSHR, 12).reinterpretShape(S, 0)).mul(xk).add(s0);
          s1 = ((ShortVector) w1.lanewise(LSHR, 12).reinterpretShape(S, 0)).mul(xk).add(s1);
        }
        IntVector dm0 = IntVector.fromMemorySegment(I, MEMORY, base + 4 * STEP, LITTLE_ENDIAN);
        IntVector dm1 =
            IntVector.fromMemorySegment(
                I, MEMORY, base + 4 * STEP + VectorShape.BYTES, LITTLE_ENDIAN);
        FloatVector factor =
            (FloatVector)
                IntVector.broadcast(I, x[o + SUM - Chain.SCALED_SUM]).reinterpretShape(F, 0);
        FloatVector m0 =
            ((FloatVector)
                    dm0.lanewise(ASHR, 3).and(Half.SIGN_EXPONENT_MANTISSA).reinterpretShape(F, 0))
                .mul(Half.BIAS);
        FloatVector m1 =
            ((FloatVector)
                    dm1.lanewise(ASHR, 3).and(Half.SIGN_EXPONENT_MANTISSA).reinterpretShape(F, 0))
                .mul(Half.BIAS);
        FloatVector acc0 = FloatVector.fromArray(F, out, r);
        FloatVector acc1 = FloatVector.fromArray(F, out, r + LANES);
        acc0 = m0.fma(factor, acc0);
        acc1 = m1.fma(factor, acc1);
        IntVector total = IntVector.broadcast(I, x[o + SUM - Chain.TOTAL]);
        factor =
            (FloatVector) IntVector.broadcast(I, x[o + SUM - Chain.SCALE]).reinterpretShape(F, 0);
        IntVector t0 = (IntVector) s0.reinterpretShape(I, 0);
        IntVector t1 = (IntVector) s1.reinterpretShape(I, 0);
        t0 = t0.add(t0.lanewise(LSHL, 16)).lanewise(ASHR, 16).add(total);
        t1 = t1.add(t1.lanewise(LSHL, 16)).lanewise(ASHR, 16).add(total);
        FloatVector d0 =
            ((FloatVector)
                    dm0.lanewise(LSHL, 16)
                        .lanewise(ASHR, 3)
                        .and(Half.SIGN_EXPONENT_MANTISSA)
                        .reinterpretShape(F, 0))
                .mul(Half.BIAS);
        FloatVector d1 =
            ((FloatVector)
                    dm1.lanewise(LSHL, 16)
                        .lanewise(ASHR, 3)
                        .and(Half.SIGN_EXPONENT_MANTISSA)
                        .reinterpretShape(F, 0))
                .mul(Half.BIAS);
        acc0 = ((FloatVector) t0.convertShape(I2F, F, 0)).fma(d0.mul(factor), acc0);
        acc1 = ((FloatVector) t1.convertShape(I2F, F, 0)).fma(d1.mul(factor), acc1);
        acc0.intoArray(out, r);
        acc1.intoArray(out, r + LANES);
      }
    }
  }

  @Override
  void unpackScales(long run, int blocks, MatMulScratch scratch, int o) {
    for (int i = 0; i < blocks; i++) {
      Half.unpack(run + BITS_AT[i] + 4 * STEP, scratch, o + i * ROW_BLOCK);
    }
  }
}
