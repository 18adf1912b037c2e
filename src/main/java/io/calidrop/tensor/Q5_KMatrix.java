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
 * each of 8 blocks an int of fifth bits, bit k of its low and high half belonging to pair k, and
 * four ints of nibbles in the order of Q4_0; between them d, dmin, scales and minima as in Q4_K.
 */
final class Q5_KMatrix extends NibbleMatrix {
  private static final int COLUMNS = 256;
  private static final int FILE_BYTES = 176;
  private static final int INTS = 46;
  private static final int[] MASKS = {0x000f000f, 0x00100010};

  /** Where the bits of block {@code i} begin. */
  private static final int[] BITS_AT = offsets(i -> 5 * i + 2 * (i + 7 >> 3) + 2 * (i + 3 >> 2));

  /** Where the int of scales is that holds block {@code i}'s; that of minima follows. */
  private static final int[] SCALES_AT = offsets(i -> 7 + 22 * (i >> 2));

  Q5_KMatrix(int rows, int columns, Arena arena) {
    long bytes = (long) columns / COLUMNS * INTS * STEP;
    super(rows, columns, BITS_AT, INTS * STEP, bytes, true, true, arena);
  }

  @Override
  public int forms(int tokens) {
    return Activations.PAIRS;
  }

  @Override
  void repackRow(MemorySegment source, long offset, MemorySegment tile, int lane) {
    byte[] high =
        new byte[Activations.BLOCK]; // bit b of byte i is the fifth of column i of block b
    for (int s = 0; s < columns() / COLUMNS; s++, offset += FILE_BYTES) {
      MemorySegment.copy(source, BYTE, offset + 16, high, 0, high.length);
      long to = (long) s * INTS * STEP + lane * 4L;
      float d = Float.float16ToFloat(source.get(SHORT, offset));
      float dmin = Float.float16ToFloat(source.get(SHORT, offset + 2));
      tile.set(INT, to + 5 * STEP, Float.floatToRawIntBits(d));
      tile.set(INT, to + 6 * STEP, Float.floatToRawIntBits(dmin));
      for (int half = 0; half < 2; half++) {
        KScales.repack(source, offset + 4, half, tile, to + SCALES_AT[4 * half]);
      }
      for (int b = 0; b < 8; b++) {
        long block = to + BITS_AT[b];
        tile.set(INT, block, PairBits.pack(high, 0, 0, b, 1));
        for (int j = 0; j < 4; j++) {
          long from = offset + 48 + b / 2 * 32 + j * 4;
          int shift = b % 2 * 4;
          int first = source.get(INT, from) >>> shift & 0x0f0f0f0f;
          int second = source.get(INT, from + 16) >>> shift & 0x0f0f0f0f;
          tile.set(INT, block + (1 + j) * STEP, first | second << 4);
        }
      }
    }
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    dot(address, tiles, columns() / COLUMNS, x.bytes, out, row);
  }

  /* Lanes as in Q4_1, with weights of 5 and activations of 8 bits. Each shift brings a pair's fifth bits to
   * the places above its nibbles. */
  private static void dot(
      long p, int tiles, int superBlocks, QuantizedActivations input, float[] out, int row) {
    int[] x = input.pairs;
    int[] offsets = input.offsets;
    int[] totals = input.totals;
    float[] scales = input.scales;
    float[] sums = input.sums;
    IntVector nibbles = IntVector.broadcast(I, MASKS[0]);
    IntVector fifths = IntVector.broadcast(I, MASKS[1]);
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
          IntVector h0 = IntVector.fromMemorySegment(I, MEMORY, bits, LITTLE_ENDIAN);
          IntVector h1 =
              IntVector.fromMemorySegment(
                  I, MEMORY, bits + VectorShape.BYTES, LITTLE_ENDIAN);
          for (int j = 0; j < 4; j++) {
            int k = (b + i) * 16 + 4 * j;
            long q = bits + STEP + j * STEP;
            IntVector w0 = IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN);
            IntVector w1 =
                IntVector.fromMemorySegment(I, MEMORY, q + VectorShape.BYTES, LITTLE_ENDIAN);
            ShortVector xk = (ShortVector) IntVector.broadcast(I, x[k]).reinterpretShape(S, 0);
            IntVector v0 = w0.and(nibbles).or(h0.lanewise(LSHL, 4).and(fifths));
            IntVector v1 = w1.and(nibbles).or(h1.lanewise(LSHL, 4).and(fifths));
            s0 = s0.add(((ShortVector) v0.reinterpretShape(S, 0)).mul(xk));
            s1 = s1.add(((ShortVector) v1.reinterpretShape(S, 0)).mul(xk));
            xk = (ShortVector) IntVector.broadcast(I, x[k + 1]).reinterpretShape(S, 0);
            v0 = w0.lanewise(LSHR, 4).and(nibbles).or(h0.lanewise(LSHL, 3).and(fifths));
            v1 = w1.lanewise(LSHR, 4).and(nibbles).or(h1.lanewise(LSHL, 3).and(fifths));
            s0 = s0.add(((ShortVector) v0.reinterpretShape(S, 0)).mul(xk));
            s1 = s1.add(((ShortVector) v1.reinterpretShape(S, 0)).mul(xk));
            xk = (ShortVector) IntVector.broadcast(I, x[k + 2]).reinterpretShape(S, 0);
            v0 = w0.lanewise(LSHR, 8).and(nibbles).or(h0.lanewise(LSHR, 4).and(fifths));
            v1 = w1.lanewise(LSHR, 8).and(nibbles).or(h1.lanewise(LSHR, 4).and(fifths));
            s0 = s0.add(((ShortVector) v0.reinterpretShape(S, 0)).mul(xk));
            s1 = s1.add(((ShortVector) v1.reinterpretShape(S, 0)).mul(xk));
            xk = (ShortVector) IntVector.broadcast(I, x[k + 3]).reinterpretShape(S, 0);
            v0 = w0.lanewise(LSHR, 12).and(nibbles).or(h0.lanewise(LSHR, 5).and(fifths));
            v1 = w1.lanewise(LSHR, 12).and(nibbles).or(h1.lanewise(LSHR, 5).and(fifths));
            s0 = s0.add(((ShortVector) v0.reinterpretShape(S, 0)).mul(xk));
            s1 = s1.add(((ShortVector) v1.reinterpretShape(S, 0)).mul(xk));
            h0 = h0.lanewise(LSHR, 2);
            h1 = h1.lanewise(LSHR, 2);
          }
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
