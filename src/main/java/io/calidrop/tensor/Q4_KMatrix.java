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
 * Q4_K weights: {@code w = d * scale * q - dmin * min}, q in 0..15, with a 6-bit scale and min for
 * each 32 columns.
 *
 * <p>A super-block of 256 columns is 144 bytes in the file. In a tile it is [38][rows] ints in the
 * order in which they are needed: of each of 8 blocks four ints of nibbles in the order of Q4_0;
 * after the first block d and -dmin as float32 (half precision would be subnormal, which is slow on
 * some processors), after the first and the fifth an int of scales and one of minima.
 */
final class Q4_KMatrix extends TiledMatrix {
  private static final int COLUMNS = 256;
  private static final int FILE_BYTES = 144;
  private static final int SUM = Chain.NIBBLES.stride;
  static final int INTS = 38;

  /** Where the nibbles of block {@code i} begin. */
  static final int[] NIBBLES_AT = offsets(i -> 4 * i + 2 * (i + 7 >> 3) + 2 * (i + 3 >> 2));

  /** Where the int of scales is that holds block {@code i}'s; that of minima follows. */
  static final int[] SCALES_AT = offsets(i -> 6 + 18 * (i >> 2));

  Q4_KMatrix(int rows, int columns, Arena arena) {
    super(rows, columns, (long) columns / COLUMNS * INTS * STEP, arena);
  }

  @Override
  public int forms(int tokens) {
    if (tokens == 1) {
      return Activations.NIBBLE_CHAINS;
    }
    return tokens <= streamed() ? Activations.FINE_PAIRS : Activations.FINE_SHORTS;
  }

  @Override
  int tilesTogether() {
    return 2;
  }

  @Override
  int unpackedColumns() {
    return COLUMNS;
  }

  @Override
  void repackRow(MemorySegment source, long offset, MemorySegment tile, int lane) {
    for (int s = 0; s < columns() / COLUMNS; s++, offset += FILE_BYTES) {
      long to = (long) s * INTS * STEP + lane * 4L;
      float d = Float.float16ToFloat(source.get(SHORT, offset));
      float dmin = Float.float16ToFloat(source.get(SHORT, offset + 2));
      tile.set(INT, to + 4 * STEP, Float.floatToRawIntBits(d));
      tile.set(INT, to + 5 * STEP, Float.floatToRawIntBits(-dmin));
      for (int half = 0; half < 2; half++) {
        KScales.repack(source, offset + 4, half, tile, to + SCALES_AT[4 * half]);
      }
      for (int chunk = 0; chunk < 4; chunk++) {
        for (int j = 0; j < 4; j++) {
          // In the file the low nibbles of 32 bytes are one block and the high nibbles the next; in
          // a tile the nibbles of a byte are columns j and j + 16 of the same block.
          int first = source.get(INT, offset + 16 + chunk * 32 + j * 4);
          int second = source.get(INT, offset + 16 + chunk * 32 + 16 + j * 4);
          int low = first & 0x0f0f0f0f | (second & 0x0f0f0f0f) << 4;
          int high = first >>> 4 & 0x0f0f0f0f | second & 0xf0f0f0f0;
          tile.set(INT, to + NIBBLES_AT[2 * chunk] + j * STEP, low);
          tile.set(INT, to + NIBBLES_AT[2 * chunk + 1] + j * STEP, high);
        }
      }
    }
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    dot(address, tiles, columns() / COLUMNS, x.fine.chains, out, row);
  }

  /* Sums as in Q4_0. */
  private static void dot(long p, int tiles, int superBlocks, int[] x, float[] out, int row) {
    long tileBytes = superBlocks * (long) INTS * STEP;
    for (int b = 0; b < 8 * superBlocks; b += 8, p += INTS * STEP) {
      for (int i = 0; i < 8; i++) {
        int o = (b + i) * SUM;
        int shift = 8 * (i & 3);
        for (int t = 0; t < tiles; t++) {
          long tile = p + t * tileBytes;
          long base = tile & ADDRESS;
          int r = row + t * ROW_BLOCK;
          ShortVector s0 = (ShortVector) IntVector.broadcast(I, x[o]).reinterpretShape(S, 0);
          ShortVector s1 = s0;
          long bits = tile + NIBBLES_AT[i] & ADDRESS;
          for (int j = 0; j < 4; j++) {
            int k = o + 1 + 4 * j;
            long q = bits + j * STEP;
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
          long at = tile + SCALES_AT[i] & ADDRESS;
          FloatVector d0 =
              ((FloatVector)
                      IntVector.fromMemorySegment(I, MEMORY, base + 4 * STEP, LITTLE_ENDIAN)
                          .reinterpretShape(F, 0))
                  .mul(
                      IntVector.fromMemorySegment(I, MEMORY, at, LITTLE_ENDIAN)
                          .lanewise(LSHR, shift)
                          .and(0xff)
                          .convertShape(I2F, F, 0));
          FloatVector d1 =
              ((FloatVector)
                      IntVector.fromMemorySegment(
                              I, MEMORY, base + 4 * STEP + VectorShape.BYTES, LITTLE_ENDIAN)
                          .reinterpretShape(F, 0))
                  .mul(
                      IntVector.fromMemorySegment(I, MEMORY, at + VectorShape.BYTES, LITTLE_ENDIAN)
                          .lanewise(LSHR, shift)
                          .and(0xff)
                          .convertShape(I2F, F, 0));
          FloatVector min0 =
              ((FloatVector)
                      IntVector.fromMemorySegment(I, MEMORY, base + 5 * STEP, LITTLE_ENDIAN)
                          .reinterpretShape(F, 0))
                  .fma(
                      (FloatVector)
                          IntVector.fromMemorySegment(I, MEMORY, at + STEP, LITTLE_ENDIAN)
                              .lanewise(LSHR, shift)
                              .and(0xff)
                              .convertShape(I2F, F, 0),
                      d0.mul(NibbleGemm.CENTER));
          FloatVector min1 =
              ((FloatVector)
                      IntVector.fromMemorySegment(
                              I, MEMORY, base + 5 * STEP + VectorShape.BYTES, LITTLE_ENDIAN)
                          .reinterpretShape(F, 0))
                  .fma(
                      (FloatVector)
                          IntVector.fromMemorySegment(
                                  I, MEMORY, at + STEP + VectorShape.BYTES, LITTLE_ENDIAN)
                              .lanewise(LSHR, shift)
                              .and(0xff)
                              .convertShape(I2F, F, 0),
                      d1.mul(NibbleGemm.CENTER));
          FloatVector factor =
              (FloatVector)
                  IntVector.broadcast(I, x[o + SUM - Chain.SCALED_SUM]).reinterpretShape(F, 0);
          FloatVector acc0 = FloatVector.fromArray(F, out, r);
          FloatVector acc1 = FloatVector.fromArray(F, out, r + LANES);
          acc0 = min0.fma(factor, acc0);
          acc1 = min1.fma(factor, acc1);
          IntVector t0 = (IntVector) s0.reinterpretShape(I, 0);
          IntVector t1 = (IntVector) s1.reinterpretShape(I, 0);
          t0 = t0.add(t0.lanewise(LSHL, 16)).lanewise(ASHR, 16);
          t1 = t1.add(t1.lanewise(LSHL, 16)).lanewise(ASHR, 16);
          factor =
              (FloatVector) IntVector.broadcast(I, x[o + SUM - Chain.SCALE]).reinterpretShape(F, 0);
          acc0 = ((FloatVector) t0.convertShape(I2F, F, 0)).fma(d0.mul(factor), acc0);
          acc1 = ((FloatVector) t1.convertShape(I2F, F, 0)).fma(d1.mul(factor), acc1);
          acc0.intoArray(out, r);
          acc1.intoArray(out, r + LANES);
        }
      }
    }
  }

  @Override
  int streamed() {
    return 2 * Activations.GROUP;
  }

  @Override
  void multiplyFew(
      long address, Activations x, int first, int end, float[] out, MatMulScratch scratch) {
    int superBlocks = columns() / COLUMNS;
    for (int group = first; group < end; group++) {
      int block = group * x.blocks();
      int o = (group - first) * Activations.GROUP * ROW_BLOCK;
      if (x.tokens() == 2) {
        Q4_KPair.multiply(address, superBlocks, x.fine, block, out, o, ROW_BLOCK);
      } else {
        Q4_KGroup.multiply(address, superBlocks, x.fine, block, out, o, ROW_BLOCK);
      }
    }
  }

  @Override
  void unpack(long address, int column, int count, int half, MatMulScratch scratch) {
    long p = address + column / COLUMNS * (long) INTS * STEP;
    for (int i = 0; i < 8; i++) {
      int o = i * ROW_BLOCK + half * MatMulScratch.TILE_SCALES;
      Shorts.nibbles(
          p + NIBBLES_AT[i], scratch.shorts, (2 * Activations.BLOCK * i + half) * ROW_BLOCK);
      unpackScales(p, i, o, scratch.scales, scratch.minima);
      unpackScales(p + VectorShape.BYTES, i, o + LANES, scratch.scales, scratch.minima);
    }
  }

  private static void unpackScales(long p, int i, int o, float[] scales, float[] minima) {
    long at = p + SCALES_AT[i];
    int shift = 8 * (i & 3);
    FloatVector d =
        ((FloatVector)
                IntVector.fromMemorySegment(I, MEMORY, p + 4 * STEP, LITTLE_ENDIAN)
                    .reinterpretShape(F, 0))
            .mul(
                IntVector.fromMemorySegment(I, MEMORY, at, LITTLE_ENDIAN)
                    .lanewise(LSHR, shift)
                    .and(0xff)
                    .convertShape(I2F, F, 0));
    FloatVector min =
        (FloatVector)
            IntVector.fromMemorySegment(I, MEMORY, at + STEP, LITTLE_ENDIAN)
                .lanewise(LSHR, shift)
                .and(0xff)
                .convertShape(I2F, F, 0);
    ((FloatVector)
            IntVector.fromMemorySegment(I, MEMORY, p + 5 * STEP, LITTLE_ENDIAN)
                .reinterpretShape(F, 0))
        .fma(min, d.mul(NibbleGemm.CENTER))
        .intoArray(minima, o);
    d.intoArray(scales, o);
  }

  @Override
  void multiplyGroup(
      MatMulScratch scratch, Activations x, int group, int column, int count, float[] out, int o) {
    int block = group * x.blocks() + column / Activations.BLOCK;
    NibbleMinimaGemm.add(scratch, x.fine, block, count / Activations.BLOCK, out, o);
  }
}
