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
 * Q2_K weights: {@code w = d * scale * q - dmin * min}, q in 0..3, with a 4-bit scale and minimum
 * for each 16 columns.
 *
 * <p>A super-block of 256 columns is 84 bytes in the file. In a tile it is [22][rows] ints: of each
 * of 8 blocks of 32 columns two of bit pairs, see {@link PairBits}; after the first block d and
 * dmin as float32, and after each second one, from the first on, four bytes of a scale (low nibble)
 * and a minimum (high). Halves of a block as in {@link Q6_KMatrix}.
 */
final class Q2_KMatrix extends TiledMatrix {
  private static final int COLUMNS = 256;
  private static final int FILE_BYTES = 84;
  private static final int INTS = 22;
  private static final int D = 2 * STEP;
  private static final int[] MASKS = {0x00030003, 0x000c000c};

  /** Where the bits of block {@code i} begin. */
  private static final int[] BITS_AT = offsets(i -> 2 * i + 2 * (i + 7 >> 3) + (i + 1 >> 1));

  /** Where the scales of block {@code i} are. */
  private static final int[] SCALES_AT = offsets(i -> 4 + 5 * (i >> 1));

  Q2_KMatrix(int rows, int columns, Arena arena) {
    super(rows, columns, (long) columns / COLUMNS * INTS * STEP, arena);
  }

  @Override
  public int forms(int tokens) {
    return tokens == 1 ? Activations.FINE_PAIRS : Activations.FINE_SHORTS;
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
    byte[] q = new byte[COLUMNS];
    for (int s = 0; s < columns() / COLUMNS; s++, offset += FILE_BYTES) {
      for (int i = 0; i < q.length; i++) {
        q[i] = (byte) SuperBlocks.q2Quant(source, offset, i);
      }
      long to = (long) s * INTS * STEP + lane * 4L;
      for (int i = 0; i < 2; i++) {
        float scale = Float.float16ToFloat(source.get(SHORT, offset + 80 + 2 * i));
        tile.set(INT, to + D + i * STEP, Float.floatToRawIntBits(scale));
      }
      for (int i = 0; i < 8; i += 2) {
        tile.set(INT, to + SCALES_AT[i], source.get(INT, offset + 2 * i));
      }
      for (int i = 0; i < 8; i++) {
        for (int k = 0; k < 2; k++) {
          int pairs = PairBits.pack(q, i * Activations.BLOCK, 8 * k, 0, 2);
          tile.set(INT, to + BITS_AT[i] + k * STEP, pairs);
        }
      }
    }
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    dot(address, tiles, columns() / COLUMNS, x.fine, out, row);
  }

  /* Lanes as in Q6_K. The minima of a super-block follow its products, as in multiplyGroup. Weights of
   * the second half of a block stay two bits up, which saves their shifts: eight products of 4 * 3 * 255
   * fit 16 bits, and a quarter of the scale makes up for it. Sixteen of the first half fit too. */
  private static void dot(
      long p, int tiles, int superBlocks, QuantizedActivations input, float[] out, int row) {
    int[] x = input.pairs;
    float[] halfSums = input.halfSums;
    float[] scales = input.scales;
    IntVector lows = IntVector.broadcast(I, MASKS[0]);
    IntVector nextLows = IntVector.broadcast(I, MASKS[1]);
    for (int tile = 0; tile < tiles; tile++) {
      FloatVector acc0 = FloatVector.zero(F);
      FloatVector acc1 = acc0;
      for (int b = 0; b < 8 * superBlocks; b += 8) {
        long base = p & ADDRESS;
        for (int i = 0; i < 8; i++) {
          ShortVector first0 = ShortVector.zero(S);
          ShortVector first1 = first0;
          ShortVector second0 = first0;
          ShortVector second1 = first0;
          for (int j = 0; j < 2; j++) {
            int k = (b + i) * 16 + 8 * j;
            long q = base + BITS_AT[i] + j * STEP;
            IntVector w0 = IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN);
            IntVector w1 =
                IntVector.fromMemorySegment(I, MEMORY, q + VectorShape.BYTES, LITTLE_ENDIAN);
            ShortVector xk = (ShortVector) IntVector.broadcast(I, x[k]).reinterpretShape(S, 0);
            IntVector v0 = w0.and(lows);
            IntVector v1 = w1.and(lows);
            first0 = ((ShortVector) v0.reinterpretShape(S, 0)).mul(xk).add(first0);
            first1 = ((ShortVector) v1.reinterpretShape(S, 0)).mul(xk).add(first1);
            xk = (ShortVector) IntVector.broadcast(I, x[k + 1]).reinterpretShape(S, 0);
            v0 = w0.and(nextLows);
            v1 = w1.and(nextLows);
            second0 = ((ShortVector) v0.reinterpretShape(S, 0)).mul(xk).add(second0);
            second1 = ((ShortVector) v1.reinterpretShape(S, 0)).mul(xk).add(second1);
            IntVector t0 = w0.lanewise(LSHR, 4);
            IntVector t1 = w1.lanewise(LSHR, 4);
            xk = (ShortVector) IntVector.broadcast(I, x[k + 4]).reinterpretShape(S, 0);
            v0 = t0.and(lows);
            v1 = t1.and(lows);
            first0 = ((ShortVector) v0.reinterpretShape(S, 0)).mul(xk).add(first0);
            first1 = ((ShortVector) v1.reinterpretShape(S, 0)).mul(xk).add(first1);
            xk = (ShortVector) IntVector.broadcast(I, x[k + 5]).reinterpretShape(S, 0);
            v0 = t0.and(nextLows);
            v1 = t1.and(nextLows);
            second0 = ((ShortVector) v0.reinterpretShape(S, 0)).mul(xk).add(second0);
            second1 = ((ShortVector) v1.reinterpretShape(S, 0)).mul(xk).add(second1);
            t0 = w0.lanewise(LSHR, 8);
            t1 = w1.lanewise(LSHR, 8);
            xk = (ShortVector) IntVector.broadcast(I, x[k + 2]).reinterpretShape(S, 0);
            v0 = t0.and(lows);
            v1 = t1.and(lows);
            first0 = ((ShortVector) v0.reinterpretShape(S, 0)).mul(xk).add(first0);
            first1 = ((ShortVector) v1.reinterpretShape(S, 0)).mul(xk).add(first1);
            xk = (ShortVector) IntVector.broadcast(I, x[k + 3]).reinterpretShape(S, 0);
            v0 = t0.and(nextLows);
            v1 = t1.and(nextLows);
            second0 = ((ShortVector) v0.reinterpretShape(S, 0)).mul(xk).add(second0);
            second1 = ((ShortVector) v1.reinterpretShape(S, 0)).mul(xk).add(second1);
            t0 = w0.lanewise(LSHR, 12);
            t1 = w1.lanewise(LSHR, 12);
            xk = (ShortVector) IntVector.broadcast(I, x[k + 6]).reinterpretShape(S, 0);
            v0 = t0.and(lows);
            v1 = t1.and(lows);
            first0 = ((ShortVector) v0.reinterpretShape(S, 0)).mul(xk).add(first0);
            first1 = ((ShortVector) v1.reinterpretShape(S, 0)).mul(xk).add(first1);
            xk = (ShortVector) IntVector.broadcast(I, x[k + 7]).reinterpretShape(S, 0);
            v0 = t0.and(nextLows);
            v1 = t1.and(nextLows);
            second0 = ((ShortVector) v0.reinterpretShape(S, 0)).mul(xk).add(second0);
            second1 = ((ShortVector) v1.reinterpretShape(S, 0)).mul(xk).add(second1);
          }
          long at = base + SCALES_AT[i];
          int shift = 16 * (i & 1);
          FloatVector factor = FloatVector.broadcast(F, scales[b + i]);
          FloatVector quarter = factor.mul(0.25f);
          FloatVector scale;
          IntVector s;
          IntVector packed0 =
              IntVector.fromMemorySegment(I, MEMORY, at, LITTLE_ENDIAN).lanewise(LSHR, shift);
          IntVector packed1 =
              IntVector.fromMemorySegment(I, MEMORY, at + VectorShape.BYTES, LITTLE_ENDIAN)
                  .lanewise(LSHR, shift);
          FloatVector d0 =
              (FloatVector)
                  IntVector.fromMemorySegment(I, MEMORY, base + D, LITTLE_ENDIAN)
                      .reinterpretShape(F, 0);
          FloatVector d1 =
              (FloatVector)
                  IntVector.fromMemorySegment(
                          I, MEMORY, base + D + VectorShape.BYTES, LITTLE_ENDIAN)
                      .reinterpretShape(F, 0);

          s = (IntVector) first0.reinterpretShape(I, 0);
          s = s.add(s.lanewise(LSHL, 16)).lanewise(ASHR, 16);
          scale = (FloatVector) packed0.and(15).convertShape(I2F, F, 0);
          acc0 = ((FloatVector) s.convertShape(I2F, F, 0)).fma(d0.mul(scale).mul(factor), acc0);
          s = (IntVector) second0.reinterpretShape(I, 0);
          s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
          scale = (FloatVector) packed0.lanewise(LSHR, 8).and(15).convertShape(I2F, F, 0);
          acc0 = ((FloatVector) s.convertShape(I2F, F, 0)).fma(d0.mul(scale).mul(quarter), acc0);
          s = (IntVector) first1.reinterpretShape(I, 0);
          s = s.add(s.lanewise(LSHL, 16)).lanewise(ASHR, 16);
          scale = (FloatVector) packed1.and(15).convertShape(I2F, F, 0);
          acc1 = ((FloatVector) s.convertShape(I2F, F, 0)).fma(d1.mul(scale).mul(factor), acc1);
          s = (IntVector) second1.reinterpretShape(I, 0);
          s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
          scale = (FloatVector) packed1.lanewise(LSHR, 8).and(15).convertShape(I2F, F, 0);
          acc1 = ((FloatVector) s.convertShape(I2F, F, 0)).fma(d1.mul(scale).mul(quarter), acc1);
        }
        for (int h = 0; h < 4; h++) {
          long at = base + SCALES_AT[2 * h];
          int sum = 2 * b + 4 * h;
          FloatVector d0 =
              ((FloatVector)
                      IntVector.fromMemorySegment(I, MEMORY, base + D + STEP, LITTLE_ENDIAN)
                          .reinterpretShape(F, 0))
                  .neg();
          FloatVector d1 =
              ((FloatVector)
                      IntVector.fromMemorySegment(
                              I, MEMORY, base + D + STEP + VectorShape.BYTES, LITTLE_ENDIAN)
                          .reinterpretShape(F, 0))
                  .neg();
          IntVector packed0 = IntVector.fromMemorySegment(I, MEMORY, at, LITTLE_ENDIAN);
          IntVector packed1 =
              IntVector.fromMemorySegment(I, MEMORY, at + VectorShape.BYTES, LITTLE_ENDIAN);
          FloatVector factor = FloatVector.broadcast(F, halfSums[sum]);
          FloatVector min0 =
              (FloatVector) packed0.lanewise(LSHR, 4).and(15).convertShape(I2F, F, 0);
          FloatVector min1 =
              (FloatVector) packed1.lanewise(LSHR, 4).and(15).convertShape(I2F, F, 0);
          acc0 = d0.mul(min0).fma(factor, acc0);
          acc1 = d1.mul(min1).fma(factor, acc1);
          factor = FloatVector.broadcast(F, halfSums[sum + 1]);
          min0 = (FloatVector) packed0.lanewise(LSHR, 12).and(15).convertShape(I2F, F, 0);
          min1 = (FloatVector) packed1.lanewise(LSHR, 12).and(15).convertShape(I2F, F, 0);
          acc0 = d0.mul(min0).fma(factor, acc0);
          acc1 = d1.mul(min1).fma(factor, acc1);
          factor = FloatVector.broadcast(F, halfSums[sum + 2]);
          min0 = (FloatVector) packed0.lanewise(LSHR, 20).and(15).convertShape(I2F, F, 0);
          min1 = (FloatVector) packed1.lanewise(LSHR, 20).and(15).convertShape(I2F, F, 0);
          acc0 = d0.mul(min0).fma(factor, acc0);
          acc1 = d1.mul(min1).fma(factor, acc1);
          factor = FloatVector.broadcast(F, halfSums[sum + 3]);
          min0 = (FloatVector) packed0.lanewise(LSHR, 28).convertShape(I2F, F, 0);
          min1 = (FloatVector) packed1.lanewise(LSHR, 28).convertShape(I2F, F, 0);
          acc0 = d0.mul(min0).fma(factor, acc0);
          acc1 = d1.mul(min1).fma(factor, acc1);
        }
        p += INTS * STEP;
      }
      acc0.intoArray(out, row + tile * ROW_BLOCK);
      acc1.intoArray(out, row + tile * ROW_BLOCK + LANES);
    }
  }

  @Override
  void unpack(long address, int column, int count, int half, MatMulScratch scratch) {
    long p = address + column / COLUMNS * (long) INTS * STEP;
    int o = half * MatMulScratch.TILE_SCALES;
    unpackScales(p, scratch.scales, scratch.minima, o);
    unpackScales(p + VectorShape.BYTES, scratch.scales, scratch.minima, o + LANES);
    unpack(p, scratch.shorts, half * ROW_BLOCK);
  }

  private static void unpackScales(long p, float[] scales, float[] minima, int o) {
    FloatVector d =
        (FloatVector)
            IntVector.fromMemorySegment(I, MEMORY, p + D, LITTLE_ENDIAN).reinterpretShape(F, 0);
    FloatVector dmin =
        ((FloatVector)
                IntVector.fromMemorySegment(I, MEMORY, p + D + STEP, LITTLE_ENDIAN)
                    .reinterpretShape(F, 0))
            .neg();
    for (int i = 0; i < 16; i++, o += ROW_BLOCK) {
      IntVector packed =
          IntVector.fromMemorySegment(I, MEMORY, p + SCALES_AT[i >> 1], LITTLE_ENDIAN)
              .lanewise(LSHR, 8 * (i & 3));
      d.mul(packed.and(15).convertShape(I2F, F, 0)).intoArray(scales, o);
      dmin.mul(packed.lanewise(LSHR, 4).and(15).convertShape(I2F, F, 0)).intoArray(minima, o);
    }
  }

  private static void unpack(long p, short[] w, int o) {
    IntVector lows = IntVector.broadcast(I, MASKS[0]);
    for (int i = 0; i < 16; i++) {
      long at = p + BITS_AT[i >> 1] + (i & 1) * STEP;
      IntVector a = IntVector.fromMemorySegment(I, MEMORY, at, LITTLE_ENDIAN);
      IntVector b = IntVector.fromMemorySegment(I, MEMORY, at + VectorShape.BYTES, LITTLE_ENDIAN);
      IntVector u = a.and(NibbleGemm.LOW).or(b.lanewise(LSHL, 16));
      IntVector v = a.lanewise(LSHR, 16).or(b.and(NibbleGemm.HIGH));
      int to = o + ((i >> 1) * Activations.BLOCK + 8 * (i & 1)) * 4 * LANES;
      ((ShortVector) u.and(lows).reinterpretShape(S, 0)).intoArray(w, to);
      ((ShortVector) u.lanewise(LSHR, 8).and(lows).reinterpretShape(S, 0))
          .intoArray(w, to + 4 * LANES);
      ((ShortVector) v.and(lows).reinterpretShape(S, 0)).intoArray(w, to + 8 * LANES);
      ((ShortVector) v.lanewise(LSHR, 8).and(lows).reinterpretShape(S, 0))
          .intoArray(w, to + 12 * LANES);
      ((ShortVector) u.lanewise(LSHR, 2).and(lows).reinterpretShape(S, 0))
          .intoArray(w, to + 64 * LANES);
      ((ShortVector) u.lanewise(LSHR, 10).and(lows).reinterpretShape(S, 0))
          .intoArray(w, to + 68 * LANES);
      ((ShortVector) v.lanewise(LSHR, 2).and(lows).reinterpretShape(S, 0))
          .intoArray(w, to + 72 * LANES);
      ((ShortVector) v.lanewise(LSHR, 10).and(lows).reinterpretShape(S, 0))
          .intoArray(w, to + 76 * LANES);
      ((ShortVector) u.lanewise(LSHR, 4).and(lows).reinterpretShape(S, 0))
          .intoArray(w, to + 16 * LANES);
      ((ShortVector) u.lanewise(LSHR, 12).and(lows).reinterpretShape(S, 0))
          .intoArray(w, to + 20 * LANES);
      ((ShortVector) v.lanewise(LSHR, 4).and(lows).reinterpretShape(S, 0))
          .intoArray(w, to + 24 * LANES);
      ((ShortVector) v.lanewise(LSHR, 12).and(lows).reinterpretShape(S, 0))
          .intoArray(w, to + 28 * LANES);
      ((ShortVector) u.lanewise(LSHR, 6).and(lows).reinterpretShape(S, 0))
          .intoArray(w, to + 80 * LANES);
      ((ShortVector) u.lanewise(LSHR, 14).and(lows).reinterpretShape(S, 0))
          .intoArray(w, to + 84 * LANES);
      ((ShortVector) v.lanewise(LSHR, 6).and(lows).reinterpretShape(S, 0))
          .intoArray(w, to + 88 * LANES);
      ((ShortVector) v.lanewise(LSHR, 14).and(lows).reinterpretShape(S, 0))
          .intoArray(w, to + 92 * LANES);
    }
  }

  @Override
  void multiplyGroup(
      MatMulScratch scratch, Activations x, int group, int column, int count, float[] out, int o) {
    int block = group * x.blocks() + column / Activations.BLOCK;
    HalvesGemm.add(scratch, x.tokens(), x.fine, block, count / Activations.BLOCK, out, o);
    HalvesGemm.addMinima(scratch, x.tokens(), x.fine, block, count / Activations.BLOCK, out, o);
  }
}
