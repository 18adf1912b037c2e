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
 * Q5_K weights: {@code w = d * scale * q - dmin * min}, q in 0..31, with a 6-bit scale and min for
 * each 32 columns.
 *
 * <p>A super-block of 256 columns is 176 bytes in the file. In a tile it is [46][rows] ints: of
 * each of 8 blocks five of fields, see {@link PairBits#fields}; between them d, dmin, scales and
 * minima as in Q4_K.
 */
final class Q5_KMatrix extends NibbleMatrix {
  private static final int COLUMNS = 256;
  private static final int FILE_BYTES = 176;
  private static final int INTS = 46;
  private static final int[] MASKS = {0x001f001f, 0x80008000};

  /** Where the bits of block {@code i} begin. */
  private static final int[] BITS_AT = offsets(i -> 5 * i + 2 * (i + 7 >> 3) + 2 * (i + 3 >> 2));

  /** Where the int of scales is that holds block {@code i}'s; that of minima follows. */
  private static final int[] SCALES_AT = offsets(i -> 7 + 22 * (i >> 2));

  Q5_KMatrix(int rows, int columns, Arena arena) {
    long bytes = (long) columns / COLUMNS * INTS * STEP;
    super(rows, columns, BITS_AT, INTS * STEP, bytes, true, true, arena);
  }

  @Override
  void repackRow(MemorySegment source, long offset, MemorySegment tile, int lane) {
    byte[] q = new byte[Activations.BLOCK];
    for (int s = 0; s < columns() / COLUMNS; s++, offset += FILE_BYTES) {
      long to = (long) s * INTS * STEP + lane * 4L;
      float d = Float.float16ToFloat(source.get(SHORT, offset));
      float dmin = Float.float16ToFloat(source.get(SHORT, offset + 2));
      tile.set(INT, to + 5 * STEP, Float.floatToRawIntBits(d));
      tile.set(INT, to + 6 * STEP, Float.floatToRawIntBits(dmin));
      for (int half = 0; half < 2; half++) {
        KScales.repack(source, offset + 4, half, tile, to + SCALES_AT[4 * half]);
      }
      for (int b = 0; b < 8; b++) {
        for (int i = 0; i < q.length; i++) {
          q[i] = (byte) SuperBlocks.q5Quant(source, offset, b * Activations.BLOCK + i);
        }
        PairBits.packFifths(q, tile, to + BITS_AT[b]);
      }
    }
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    dot(address, tiles, columns() / COLUMNS, x.bounded, out, row);
  }

  /* Lanes as in Q4_1, with weights of 5 and activations of 8 bits. */
  private static void dot(
      long p, int tiles, int superBlocks, QuantizedActivations input, float[] out, int row) {
    int[] x = input.pairs;
    int[] offsets = input.offsets;
    int[] totals = input.totals;
    float[] scales = input.scales;
    float[] sums = input.sums;
    IntVector fields = IntVector.broadcast(I, MASKS[0]);
    IntVector lastBits = IntVector.broadcast(I, MASKS[1]);
    for (int tile = 0; tile < tiles; tile++) {
      FloatVector acc0 = FloatVector.zero(F);
      FloatVector acc1 = acc0;
      for (int b = 0; b < 8 * superBlocks; b += 8) {
        long base = p & ADDRESS;
        for (int i = 0; i < 8; i++) {
          ShortVector s0 =
              (ShortVector) IntVector.broadcast(I, offsets[b + i]).reinterpretShape(S, 0);
          ShortVector s1 = s0;
          long bits = base + BITS_AT[i] & ADDRESS;
          int k = (b + i) * 16;
          IntVector last0 = IntVector.zero(I);
          IntVector last1 = last0;
          for (int j = 0; j < 5; j++) {
            long q = bits + j * STEP;
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
          ShortVector xLast =
              (ShortVector) IntVector.broadcast(I, x[k + 15]).reinterpretShape(S, 0);
          s0 = ((ShortVector) last0.lanewise(LSHR, 11).reinterpretShape(S, 0)).mul(xLast).add(s0);
          s1 = ((ShortVector) last1.lanewise(LSHR, 11).reinterpretShape(S, 0)).mul(xLast).add(s1);
          long at = base + SCALES_AT[i] & ADDRESS;
          int shift = 8 * (i & 3);
          FloatVector factor = FloatVector.broadcast(F, sums[b + i]);
          FloatVector min0 =
              (FloatVector)
                  IntVector.fromMemorySegment(I, MEMORY, at + STEP, LITTLE_ENDIAN)
                      .lanewise(LSHR, shift)
                      .and(0xff)
                      .convertShape(I2F, F, 0);
          FloatVector min1 =
              (FloatVector)
                  IntVector.fromMemorySegment(
                          I, MEMORY, at + STEP + VectorShape.BYTES, LITTLE_ENDIAN)
                      .lanewise(LSHR, shift)
                      .and(0xff)
                      .convertShape(I2F, F, 0);
          FloatVector d0 =
              ((FloatVector)
                      IntVector.fromMemorySegment(I, MEMORY, base + 6 * STEP, LITTLE_ENDIAN)
                          .reinterpretShape(F, 0))
                  .neg();
          FloatVector d1 =
              ((FloatVector)
                      IntVector.fromMemorySegment(
                              I, MEMORY, base + 6 * STEP + VectorShape.BYTES, LITTLE_ENDIAN)
                          .reinterpretShape(F, 0))
                  .neg();
          acc0 = d0.mul(min0).fma(factor, acc0);
          acc1 = d1.mul(min1).fma(factor, acc1);
          IntVector total = IntVector.broadcast(I, totals[b + i]);
          IntVector t0 = (IntVector) s0.reinterpretShape(I, 0);
          IntVector t1 = (IntVector) s1.reinterpretShape(I, 0);
          t0 = t0.lanewise(LSHL, 16).lanewise(ASHR, 16).add(t0.lanewise(ASHR, 16)).add(total);
          t1 = t1.lanewise(LSHL, 16).lanewise(ASHR, 16).add(t1.lanewise(ASHR, 16)).add(total);
          factor = FloatVector.broadcast(F, scales[b + i]);
          FloatVector scale0 =
              (FloatVector)
                  IntVector.fromMemorySegment(I, MEMORY, at, LITTLE_ENDIAN)
                      .lanewise(LSHR, shift)
                      .and(0xff)
                      .convertShape(I2F, F, 0);
          FloatVector scale1 =
              (FloatVector)
                  IntVector.fromMemorySegment(I, MEMORY, at + VectorShape.BYTES, LITTLE_ENDIAN)
                      .lanewise(LSHR, shift)
                      .and(0xff)
                      .convertShape(I2F, F, 0);
          d0 =
              (FloatVector)
                  IntVector.fromMemorySegment(I, MEMORY, base + 5 * STEP, LITTLE_ENDIAN)
                      .reinterpretShape(F, 0);
          d1 =
              (FloatVector)
                  IntVector.fromMemorySegment(
                          I, MEMORY, base + 5 * STEP + VectorShape.BYTES, LITTLE_ENDIAN)
                      .reinterpretShape(F, 0);
          acc0 = ((FloatVector) t0.convertShape(I2F, F, 0)).fma(d0.mul(scale0).mul(factor), acc0);
          acc1 = ((FloatVector) t1.convertShape(I2F, F, 0)).fma(d1.mul(scale1).mul(factor), acc1);
        }
        p += INTS * STEP;
      }
      acc0.intoArray(out, row + tile * ROW_BLOCK);
      acc1.intoArray(out, row + tile * ROW_BLOCK + LANES);
    }
  }

  @Override
  void unpackScales(long p, int blocks, MatMulScratch scratch, int o) {
    FloatVector d =
        (FloatVector)
            IntVector.fromMemorySegment(I, MEMORY, p + 5 * STEP, LITTLE_ENDIAN)
                .reinterpretShape(F, 0);
    FloatVector dmin =
        ((FloatVector)
                IntVector.fromMemorySegment(I, MEMORY, p + 6 * STEP, LITTLE_ENDIAN)
                    .reinterpretShape(F, 0))
            .neg();
    for (int i = 0; i < blocks; i++) {
      long at = p + SCALES_AT[i];
      int shift = 8 * (i & 3);
      IntVector scale =
          IntVector.fromMemorySegment(I, MEMORY, at, LITTLE_ENDIAN).lanewise(LSHR, shift).and(0xff);
      IntVector min =
          IntVector.fromMemorySegment(I, MEMORY, at + STEP, LITTLE_ENDIAN)
              .lanewise(LSHR, shift)
              .and(0xff);
      d.mul(scale.convertShape(I2F, F, 0)).intoArray(scratch.scales, o + i * ROW_BLOCK);
      dmin.mul(min.convertShape(I2F, F, 0)).intoArray(scratch.minima, o + i * ROW_BLOCK);
    }
  }
}
