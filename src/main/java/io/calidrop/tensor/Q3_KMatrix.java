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
 * Q3_K weights: {@code w = d * scale * (q - 4)}, q in 0..7, with a signed scale for each 16
 * columns.
 *
 * <p>A super-block of 256 columns is 110 bytes in the file. In a tile it is [29][rows] ints: of
 * each of 8 blocks of 32 columns one of third bits and two of low bit pairs, see {@link PairBits};
 * between them d and scales as in {@link Q6_KMatrix}, as are the halves of a block.
 */
final class Q3_KMatrix extends TiledMatrix {
  private static final int COLUMNS = 256;
  private static final int FILE_BYTES = 110;
  private static final int INTS = 29;
  private static final int D = 3 * STEP;
  private static final int[] MASKS = {0x00030003, 0x00040004};

  /** Where the bits of block {@code i} begin. */
  private static final int[] BITS_AT = offsets(i -> 3 * i + (i + 7 >> 3) + (i + 1 >> 1));

  /** Where the scales of block {@code i} are. */
  private static final int[] SCALES_AT = offsets(i -> 4 + 7 * (i >> 1));

  Q3_KMatrix(int rows, int columns, Arena arena) {
    super(rows, columns, (long) columns / COLUMNS * INTS * STEP, arena);
  }

  @Override
  public int forms(int tokens) {
    return Activations.FINE_PAIRS;
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
        q[i] = (byte) SuperBlocks.q3Quant(source, offset, i);
      }
      long to = (long) s * INTS * STEP + lane * 4L;
      float d = Float.float16ToFloat(source.get(SHORT, offset + 108));
      tile.set(INT, to + D, Float.floatToRawIntBits(d));
      for (int i = 0; i < 8; i += 2) {
        int scales = 0;
        for (int j = 0; j < 4; j++) {
          scales |= (SuperBlocks.q3Scale(source, offset + 96, 2 * i + j) - 32 & 0xff) << 8 * j;
        }
        tile.set(INT, to + SCALES_AT[i], scales);
      }
      for (int i = 0; i < 8; i++) {
        int b = i * Activations.BLOCK;
        tile.set(INT, to + BITS_AT[i], PairBits.pack(q, b, 0, 2, 1));
        for (int k = 0; k < 2; k++) {
          tile.set(INT, to + BITS_AT[i] + (1 + k) * STEP, PairBits.pack(q, b, 8 * k, 0, 2));
        }
      }
    }
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    dot(address, tiles, columns() / COLUMNS, x.fine, out, row);
  }

  /* Lanes as in Q6_K; the sums start from -4 times the sum of the activations. */
  private static void dot(
      long p, int tiles, int superBlocks, QuantizedActivations input, float[] out, int row) {
    int[] x = input.pairs;
    int[] halves = input.halves;
    float[] scales = input.scales;
    IntVector lows = IntVector.broadcast(I, MASKS[0]);
    IntVector thirds = IntVector.broadcast(I, MASKS[1]);
    for (int tile = 0; tile < tiles; tile++) {
      FloatVector acc0 = FloatVector.zero(F);
      FloatVector acc1 = acc0;
      for (int b = 0; b < 8 * superBlocks; b += 8) {
        long base = p & ADDRESS;
        for (int i = 0; i < 8; i++) {
          ShortVector first0 =
              ((ShortVector) IntVector.broadcast(I, halves[2 * (b + i)]).reinterpretShape(S, 0))
                  .mul((short) -4);
          ShortVector first1 = first0;
          ShortVector second0 =
              ((ShortVector) IntVector.broadcast(I, halves[2 * (b + i) + 1]).reinterpretShape(S, 0))
                  .mul((short) -4);
          ShortVector second1 = second0;
          for (int j = 0; j < 4; j++) {
            int k = (b + i) * 16 + 4 * j;
            long q = base + BITS_AT[i];
            IntVector h0 =
                IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN).lanewise(LSHR, 2 * j);
            IntVector h1 =
                IntVector.fromMemorySegment(I, MEMORY, q + VectorShape.BYTES, LITTLE_ENDIAN)
                    .lanewise(LSHR, 2 * j);
            q += STEP + (j >> 1) * STEP;
            IntVector w0 =
                IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN)
                    .lanewise(LSHR, 4 * (j & 1));
            IntVector w1 =
                IntVector.fromMemorySegment(I, MEMORY, q + VectorShape.BYTES, LITTLE_ENDIAN)
                    .lanewise(LSHR, 4 * (j & 1));
            ShortVector xk = (ShortVector) IntVector.broadcast(I, x[k]).reinterpretShape(S, 0);
            IntVector v0 = w0.and(lows).or(h0.lanewise(LSHL, 2).and(thirds));
            IntVector v1 = w1.and(lows).or(h1.lanewise(LSHL, 2).and(thirds));
            first0 = first0.add(((ShortVector) v0.reinterpretShape(S, 0)).mul(xk));
            first1 = first1.add(((ShortVector) v1.reinterpretShape(S, 0)).mul(xk));
            xk = (ShortVector) IntVector.broadcast(I, x[k + 1]).reinterpretShape(S, 0);
            v0 = w0.lanewise(LSHR, 2).and(lows).or(h0.lanewise(LSHL, 1).and(thirds));
            v1 = w1.lanewise(LSHR, 2).and(lows).or(h1.lanewise(LSHL, 1).and(thirds));
            second0 = second0.add(((ShortVector) v0.reinterpretShape(S, 0)).mul(xk));
            second1 = second1.add(((ShortVector) v1.reinterpretShape(S, 0)).mul(xk));
            xk = (ShortVector) IntVector.broadcast(I, x[k + 2]).reinterpretShape(S, 0);
            v0 = w0.lanewise(LSHR, 8).and(lows).or(h0.lanewise(LSHR, 6).and(thirds));
            v1 = w1.lanewise(LSHR, 8).and(lows).or(h1.lanewise(LSHR, 6).and(thirds));
            first0 = first0.add(((ShortVector) v0.reinterpretShape(S, 0)).mul(xk));
            first1 = first1.add(((ShortVector) v1.reinterpretShape(S, 0)).mul(xk));
            xk = (ShortVector) IntVector.broadcast(I, x[k + 3]).reinterpretShape(S, 0);
            v0 = w0.lanewise(LSHR, 10).and(lows).or(h0.lanewise(LSHR, 7).and(thirds));
            v1 = w1.lanewise(LSHR, 10).and(lows).or(h1.lanewise(LSHR, 7).and(thirds));
            second0 = second0.add(((ShortVector) v0.reinterpretShape(S, 0)).mul(xk));
            second1 = second1.add(((ShortVector) v1.reinterpretShape(S, 0)).mul(xk));
          }
          long at = base + SCALES_AT[i];
          int shift = 16 * (i & 1);
          FloatVector factor = FloatVector.broadcast(F, scales[b + i]);
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
          s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
          scale =
              (FloatVector) packed0.lanewise(LSHL, 24).lanewise(ASHR, 24).convertShape(I2F, F, 0);
          acc0 = ((FloatVector) s.convertShape(I2F, F, 0)).fma(d0.mul(scale).mul(factor), acc0);
          s = (IntVector) second0.reinterpretShape(I, 0);
          s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
          scale =
              (FloatVector) packed0.lanewise(LSHL, 16).lanewise(ASHR, 24).convertShape(I2F, F, 0);
          acc0 = ((FloatVector) s.convertShape(I2F, F, 0)).fma(d0.mul(scale).mul(factor), acc0);
          s = (IntVector) first1.reinterpretShape(I, 0);
          s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
          scale =
              (FloatVector) packed1.lanewise(LSHL, 24).lanewise(ASHR, 24).convertShape(I2F, F, 0);
          acc1 = ((FloatVector) s.convertShape(I2F, F, 0)).fma(d1.mul(scale).mul(factor), acc1);
          s = (IntVector) second1.reinterpretShape(I, 0);
          s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
          scale =
              (FloatVector) packed1.lanewise(LSHL, 16).lanewise(ASHR, 24).convertShape(I2F, F, 0);
          acc1 = ((FloatVector) s.convertShape(I2F, F, 0)).fma(d1.mul(scale).mul(factor), acc1);
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
    unpack(p, half * LANES, scratch.bytes, scratch.scales);
  }

  private static void unpack(long p, int half, int[] w, float[] scales) {
    IntVector lows = IntVector.broadcast(I, 0x03030303);
    IntVector thirds = IntVector.broadcast(I, 0x04040404);
    FloatVector d =
        (FloatVector)
            IntVector.fromMemorySegment(I, MEMORY, p + D, LITTLE_ENDIAN).reinterpretShape(F, 0);
    int o = half;
    for (int i = 0; i < 8; i++) {
      for (int h = 0; h < 2; h++) {
        IntVector scale =
            IntVector.fromMemorySegment(I, MEMORY, p + SCALES_AT[i], LITTLE_ENDIAN)
                .lanewise(LSHR, 16 * (i & 1) + 8 * h)
                .lanewise(LSHL, 24)
                .lanewise(ASHR, 24);
        d.mul(scale.convertShape(I2F, F, 0)).intoArray(scales, (2 * i + h) * ROW_BLOCK + half);
      }
      long q = p + BITS_AT[i];
      IntVector h = IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN);
      for (int j = 0; j < 2; j++) {
        q += STEP;
        IntVector v = IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN);
        v.and(lows).or(h.lanewise(LSHL, 2).and(thirds)).intoArray(w, o);
        v.lanewise(LSHR, 2)
            .and(lows)
            .or(h.lanewise(LSHL, 1).and(thirds))
            .intoArray(w, o + ROW_BLOCK);
        v.lanewise(LSHR, 4).and(lows).or(h.and(thirds)).intoArray(w, o + 2 * ROW_BLOCK);
        v.lanewise(LSHR, 6)
            .and(lows)
            .or(h.lanewise(LSHR, 1).and(thirds))
            .intoArray(w, o + 3 * ROW_BLOCK);
        h = h.lanewise(LSHR, 4);
        o += 4 * ROW_BLOCK;
      }
    }
  }

  @Override
  void multiplyGroup(
      MatMulScratch scratch, Activations x, int group, int column, int count, float[] out, int o) {
    int block = group * x.blocks() + column / Activations.BLOCK;
    ShortGemm.addHalves(scratch, x.tokens(), x.fine, 4, block, count / Activations.BLOCK, out, o);
  }
}
