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
 * Q5_1 weights, {@code w = d * q + m}, and Q5_0 weights, {@code w = d * (q - 16)}; q in 0..31.
 *
 * <p>A block of 32 columns is 24 bytes in a file of Q5_1, 22 in one of Q5_0. In a tile it is
 * [6][rows] ints: five of fields, see {@link PairBits#fields}, then d and m (0 in Q5_0) as
 * half-precision numbers.
 */
final class Q5Matrix extends NibbleMatrix {
  private static final int INTS = 6;
  private static final int[] BITS_AT = offsets(i -> INTS * i);
  private static final int[] MASKS = {0x001f001f, 0x80008000};

  private final boolean minima;

  /**
   * @param minima whether the format is Q5_1
   */
  Q5Matrix(boolean minima, int rows, int columns, Arena arena) {
    long bytes = (long) columns / Activations.BLOCK * INTS * STEP;
    super(rows, columns, BITS_AT, 8 * INTS * STEP, bytes, true, minima, arena);
    this.minima = minima;
  }

  @Override
  void repackRow(MemorySegment source, long offset, MemorySegment tile, int lane) {
    byte[] q = new byte[Activations.BLOCK];
    int head = minima ? 4 : 2;
    long to = lane * 4L;
    for (int b = 0; b < columns() / Activations.BLOCK; b++, offset += head + 20) {
      for (int i = 0; i < q.length; i++) {
        q[i] = (byte) LegacyBlocks.q5Quant(source, offset + head, i);
      }
      PairBits.packFifths(q, tile, to);
      to += 5 * STEP;
      tile.set(INT, to, minima ? source.get(INT, offset) : source.get(SHORT, offset) & 0xffff);
      to += STEP;
    }
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    dot(address, tiles, columns() / Activations.BLOCK, x.bounded, minima ? 1 : 0, out, row);
  }

  /* Sixteen products of at most 16 * 127 fit a short lane (32,512). The sums start from -16 times the sum of
   * the activations: with a minimum it is added again, without one it is what the format asks for. */
  private static void dot(
      long p,
      int tiles,
      int blocks,
      QuantizedActivations input,
      int withMinima,
      float[] out,
      int row) {
    int[] x = input.pairs;
    int[] offsets = input.offsets;
    int[] totals = input.totals;
    float[] scales = input.scales;
    float[] sums = input.sums;
    IntVector fields = IntVector.broadcast(I, MASKS[0]);
    IntVector lastBits = IntVector.broadcast(I, MASKS[1]);
    long tileBytes = blocks * (long) INTS * STEP;
    for (int b = 0; b < blocks; b++, p += INTS * STEP) {
      for (int t = 0; t < tiles; t++) {
        long base = p + t * tileBytes & ADDRESS;
        int r = row + t * ROW_BLOCK;
        ShortVector s0 = (ShortVector) IntVector.broadcast(I, offsets[b]).reinterpretShape(S, 0);
        ShortVector s1 = s0;
        int k = b * 16;
        IntVector last0 = IntVector.zero(I);
        IntVector last1 = last0;
        for (int j = 0; j < 5; j++) {
          long q = base + j * STEP;
          IntVector w0 = IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN);
          IntVector w1 =
              IntVector.fromMemorySegment(I, MEMORY, q + VectorShape.BYTES, LITTLE_ENDIAN);
          ShortVector xk =
              (ShortVector) IntVector.broadcast(I, x[k + 3 * j]).reinterpretShape(S, 0);
          s0 = ((ShortVector) w0.and(fields).reinterpretShape(S, 0)).mul(xk).add(s0);
          s1 = ((ShortVector) w1.and(fields).reinterpretShape(S, 0)).mul(xk).add(s1);
          xk = (ShortVector) IntVector.broadcast(I, x[k + 3 * j + 1]).reinterpretShape(S, 0);
          s0 =
              ((ShortVector) w0.lanewise(LSHR, 5).and(fields).reinterpretShape(S, 0))
                  .mul(xk)
                  .add(s0);
          s1 =
              ((ShortVector) w1.lanewise(LSHR, 5).and(fields).reinterpretShape(S, 0))
                  .mul(xk)
                  .add(s1);
          xk = (ShortVector) IntVector.broadcast(I, x[k + 3 * j + 2]).reinterpretShape(S, 0);
          s0 =
              ((ShortVector) w0.lanewise(LSHR, 10).and(fields).reinterpretShape(S, 0))
                  .mul(xk)
                  .add(s0);
          s1 =
              ((ShortVector) w1.lanewise(LSHR, 10).and(fields).reinterpretShape(S, 0))
                  .mul(xk)
                  .add(s1);
          last0 = w0.and(lastBits).or(last0.lanewise(LSHR, 1));
          last1 = w1.and(lastBits).or(last1.lanewise(LSHR, 1));
        }
        ShortVector xLast = (ShortVector) IntVector.broadcast(I, x[k + 15]).reinterpretShape(S, 0);
        s0 = ((ShortVector) last0.lanewise(LSHR, 11).reinterpretShape(S, 0)).mul(xLast).add(s0);
        s1 = ((ShortVector) last1.lanewise(LSHR, 11).reinterpretShape(S, 0)).mul(xLast).add(s1);
        IntVector dm0 = IntVector.fromMemorySegment(I, MEMORY, base + 5 * STEP, LITTLE_ENDIAN);
        IntVector dm1 =
            IntVector.fromMemorySegment(
                I, MEMORY, base + 5 * STEP + VectorShape.BYTES, LITTLE_ENDIAN);
        FloatVector factor = FloatVector.broadcast(F, sums[b]);
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
        IntVector total = IntVector.broadcast(I, totals[b] * withMinima);
        factor = FloatVector.broadcast(F, scales[b]);
        IntVector t0 = (IntVector) s0.reinterpretShape(I, 0);
        IntVector t1 = (IntVector) s1.reinterpretShape(I, 0);
        t0 = t0.lanewise(LSHL, 16).lanewise(ASHR, 16).add(t0.lanewise(ASHR, 16)).add(total);
        t1 = t1.lanewise(LSHL, 16).lanewise(ASHR, 16).add(t1.lanewise(ASHR, 16)).add(total);
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
      Half.unpack(run + BITS_AT[i] + 5 * STEP, scratch, o + i * ROW_BLOCK);
    }
  }
}
