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
 * Q4_0 weights: {@code w = d * (q - 8)}, q in 0..15.
 *
 * <p>A block of 32 columns is 18 bytes in the file: d as a half precision number, then four ints of
 * eight nibbles. A tile takes blocks in pairs, so that every vector is aligned to a cache line:
 * [pairs of blocks][9][rows] ints: four of nibbles, both blocks' d, and the other block's nibbles.
 */
final class Q4_0Matrix extends NibbleMatrix {
  private static final int FILE_BYTES = 18;
  private static final int SUM = Chain.NIBBLES.stride;
  private static final int INTS = 9;
  private static final int[] BITS_AT = offsets(i -> i / 2 * INTS + i % 2 * 5);

  Q4_0Matrix(int rows, int columns, Arena arena) {
    super(
        rows, columns, BITS_AT, 4 * INTS * STEP, pairs(columns) * INTS * STEP, false, false, arena);
  }

  private static long pairs(int columns) {
    return Math.ceilDiv(columns, 2 * Activations.BLOCK);
  }

  @Override
  void repackRow(MemorySegment source, long offset, MemorySegment tile, int lane) {
    for (int b = 0; b < columns() / Activations.BLOCK; b++) {
      long from = offset + (long) b * FILE_BYTES;
      long to = b / 2L * INTS * STEP + lane * 4L;
      tile.set(SHORT, to + 4 * STEP + b % 2 * Short.BYTES, source.get(SHORT, from));
      for (int j = 0; j < 4; j++) {
        int q = source.get(INT, from + Short.BYTES + j * Integer.BYTES);
        tile.set(INT, to + (b % 2 * 5 + j) * STEP, q);
      }
    }
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    dot(address, tiles, x.blocks(), x.fine.chains, out, row);
  }

  /* Sums as in Q4_1; without a minimum the sum less 8 times the activations is the product itself. */
  private static void dot(long p, int tiles, int blocks, int[] x, float[] out, int row) {
    long tileBytes = blocks / 2 * (long) INTS * STEP;
    for (int pair = 0; pair < blocks; pair += 2, p += INTS * STEP) {
      for (int i = 0; i < 2; i++) {
        int o = (pair + i) * SUM;
        int shift = 16 - 16 * i;
        for (int t = 0; t < tiles; t++) {
          long base = p + t * tileBytes & ADDRESS;
          int r = row + t * ROW_BLOCK;
          ShortVector s0 = (ShortVector) IntVector.broadcast(I, x[o]).reinterpretShape(S, 0);
          ShortVector s1 = s0;
          for (int j = 0; j < 4; j++) {
            int k = o + 1 + 4 * j;
            long q = base + i * (5 * STEP) + j * STEP;
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
          FloatVector factor =
              (FloatVector) IntVector.broadcast(I, x[o + SUM - Chain.SCALE]).reinterpretShape(F, 0);
          IntVector t0 = (IntVector) s0.reinterpretShape(I, 0);
          IntVector t1 = (IntVector) s1.reinterpretShape(I, 0);
          t0 = t0.add(t0.lanewise(LSHL, 16)).lanewise(ASHR, 16);
          t1 = t1.add(t1.lanewise(LSHL, 16)).lanewise(ASHR, 16);
          IntVector half0 =
              IntVector.fromMemorySegment(I, MEMORY, base + 4 * STEP, LITTLE_ENDIAN)
                  .lanewise(LSHL, shift);
          IntVector half1 =
              IntVector.fromMemorySegment(
                      I, MEMORY, base + 4 * STEP + VectorShape.BYTES, LITTLE_ENDIAN)
                  .lanewise(LSHL, shift);
          FloatVector d0 =
              ((FloatVector)
                      half0
                          .lanewise(ASHR, 3)
                          .and(Half.SIGN_EXPONENT_MANTISSA)
                          .reinterpretShape(F, 0))
                  .mul(Half.BIAS);
          FloatVector d1 =
              ((FloatVector)
                      half1
                          .lanewise(ASHR, 3)
                          .and(Half.SIGN_EXPONENT_MANTISSA)
                          .reinterpretShape(F, 0))
                  .mul(Half.BIAS);
          FloatVector acc0 = FloatVector.fromArray(F, out, r);
          FloatVector acc1 = FloatVector.fromArray(F, out, r + LANES);
          acc0 = ((FloatVector) t0.convertShape(I2F, F, 0)).fma(d0.mul(factor), acc0);
          acc1 = ((FloatVector) t1.convertShape(I2F, F, 0)).fma(d1.mul(factor), acc1);
          acc0.intoArray(out, r);
          acc1.intoArray(out, r + LANES);
        }
      }
    }
  }

  @Override
  void unpackScales(long run, int blocks, MatMulScratch scratch, int o) {
    for (int b = 0; b < blocks; b++, o += ROW_BLOCK) {
      ((FloatVector)
              IntVector.fromMemorySegment(I, MEMORY, run + (b / 2 * INTS + 4) * STEP, LITTLE_ENDIAN)
                  .lanewise(LSHL, 16 - b % 2 * 16)
                  .lanewise(ASHR, 3)
                  .and(Half.SIGN_EXPONENT_MANTISSA)
                  .reinterpretShape(F, 0))
          .mul(Half.BIAS)
          .intoArray(scratch.scales, o);
      FloatVector.zero(F).intoArray(scratch.minima, o);
    }
  }
}
