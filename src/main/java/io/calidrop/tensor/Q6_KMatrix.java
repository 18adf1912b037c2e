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
 * Q6_K weights: {@code w = d * scale * (q - 32)}, q in 0..63, with a signed scale for each 16
 * columns.
 *
 * <p>A super-block of 256 columns is 210 bytes in the file. In a tile it is [53][rows] ints: of
 * each of 8 blocks of 32 columns two of high bit pairs and four of nibbles, see {@link PairBits};
 * after the first block d as float32, and after each second one, from the first on, the four scales
 * of it and the next. The even pairs of a block belong to its first 16 columns, the odd ones to the
 * others.
 */
final class Q6_KMatrix extends TiledMatrix {
  private static final int COLUMNS = 256;
  private static final int FILE_BYTES = 210;
  static final int INTS = 53;
  static final int D = 6 * STEP;
  private static final int[] MASKS = {0x000f000f, 0x00300030};

  /** Where the bits of block {@code i} begin. */
  static final int[] BITS_AT = offsets(i -> 6 * i + (i + 7 >> 3) + (i + 1 >> 1));

  /** Where the scales of block {@code i} are. */
  static final int[] SCALES_AT = offsets(i -> 7 + 13 * (i >> 1));

  Q6_KMatrix(int rows, int columns, Arena arena) {
    super(rows, columns, (long) columns / COLUMNS * INTS * STEP, arena);
  }

  @Override
  public int forms(int tokens) {
    return Activations.PAIRS;
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
        q[i] = (byte) SuperBlocks.q6Quant(source, offset, i);
      }
      long to = (long) s * INTS * STEP + lane * 4L;
      float d = Float.float16ToFloat(source.get(SHORT, offset + 208));
      tile.set(INT, to + D, Float.floatToRawIntBits(d));
      for (int i = 0; i < 8; i += 2) {
        tile.set(INT, to + SCALES_AT[i], source.get(INT, offset + 192 + 2 * i));
      }
      for (int i = 0; i < 8; i++) {
        for (int k = 0; k < 2; k++) {
          int high = PairBits.pack(q, i * Activations.BLOCK, 8 * k, 4, 2);
          tile.set(INT, to + BITS_AT[i] + k * STEP, high);
        }
        for (int k = 0; k < 4; k++) {
          int low = PairBits.pack(q, i * Activations.BLOCK, 4 * k, 0, 4);
          tile.set(INT, to + BITS_AT[i] + (2 + k) * STEP, low);
        }
      }
    }
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    dot(address, tiles, columns() / COLUMNS, x.bytes, out, row);
  }

  /* Eight products of at most 32 * 127 fit a short lane (32,512): each 16 columns are widened once. The sums
   * start from -32 times the sum of the activations. */
  private static void dot(
      long p, int tiles, int superBlocks, QuantizedActivations input, float[] out, int row) {
    int[] x = input.pairs;
    int[] halves = input.halves;
    float[] scales = input.scales;
    IntVector nibbles = IntVector.broadcast(I, MASKS[0]);
    IntVector highs = IntVector.broadcast(I, MASKS[1]);
    for (int tile = 0; tile < tiles; tile++) {
      FloatVector acc0 = FloatVector.zero(F);
      FloatVector acc1 = acc0;
      for (int b = 0; b < 8 * superBlocks; b += 8) {
        long base = p & ADDRESS;
        for (int i = 0; i < 8; i++) {
          ShortVector first0 =
              ((ShortVector) IntVector.broadcast(I, halves[2 * (b + i)]).reinterpretShape(S, 0))
                  .mul((short) -32);
          ShortVector first1 = first0;
          ShortVector second0 =
              ((ShortVector) IntVector.broadcast(I, halves[2 * (b + i) + 1]).reinterpretShape(S, 0))
                  .mul((short) -32);
          ShortVector second1 = second0;
          for (int j = 0; j < 4; j++) {
            int k = (b + i) * 16 + 4 * j;
            long q = base + BITS_AT[i] + (j >> 1) * STEP;
            int shift = 4 * (j & 1);
            IntVector h0 =
                IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN).lanewise(LSHR, shift);
            IntVector h1 =
                IntVector.fromMemorySegment(I, MEMORY, q + VectorShape.BYTES, LITTLE_ENDIAN)
                    .lanewise(LSHR, shift);
            q = base + BITS_AT[i] + (2 + j) * STEP;
            IntVector w0 = IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN);
            IntVector w1 =
                IntVector.fromMemorySegment(I, MEMORY, q + VectorShape.BYTES, LITTLE_ENDIAN);
            ShortVector xk = (ShortVector) IntVector.broadcast(I, x[k]).reinterpretShape(S, 0);
            IntVector v0 = w0.and(nibbles).or(h0.lanewise(LSHL, 4).and(highs));
            IntVector v1 = w1.and(nibbles).or(h1.lanewise(LSHL, 4).and(highs));
            first0 = first0.add(((ShortVector) v0.reinterpretShape(S, 0)).mul(xk));
            first1 = first1.add(((ShortVector) v1.reinterpretShape(S, 0)).mul(xk));
            xk = (ShortVector) IntVector.broadcast(I, x[k + 1]).reinterpretShape(S, 0);
            v0 = w0.lanewise(LSHR, 4).and(nibbles).or(h0.lanewise(LSHL, 2).and(highs));
            v1 = w1.lanewise(LSHR, 4).and(nibbles).or(h1.lanewise(LSHL, 2).and(highs));
            second0 = second0.add(((ShortVector) v0.reinterpretShape(S, 0)).mul(xk));
            second1 = second1.add(((ShortVector) v1.reinterpretShape(S, 0)).mul(xk));
            xk = (ShortVector) IntVector.broadcast(I, x[k + 2]).reinterpretShape(S, 0);
            v0 = w0.lanewise(LSHR, 8).and(nibbles).or(h0.lanewise(LSHR, 4).and(highs));
            v1 = w1.lanewise(LSHR, 8).and(nibbles).or(h1.lanewise(LSHR, 4).and(highs));
            first0 = first0.add(((ShortVector) v0.reinterpretShape(S, 0)).mul(xk));
            first1 = first1.add(((ShortVector) v1.reinterpretShape(S, 0)).mul(xk));
            xk = (ShortVector) IntVector.broadcast(I, x[k + 3]).reinterpretShape(S, 0);
            v0 = w0.lanewise(LSHR, 12).and(nibbles).or(h0.lanewise(LSHR, 6).and(highs));
            v1 = w1.lanewise(LSHR, 12).and(nibbles).or(h1.lanewise(LSHR, 6).and(highs));
            second0 = second0.add(((ShortVector) v0.reinterpretShape(S, 0)).mul(xk));
            second1 = second1.add(((ShortVector) v1.reinterpretShape(S, 0)).mul(xk));
          }
          long at = base + SCALES_AT[i];
          int shift = 16 * (i & 1);
          FloatVector factor = FloatVector.broadcast(F, scales[b + i]);
          IntVector packed =
              IntVector.fromMemorySegment(I, MEMORY, at, LITTLE_ENDIAN).lanewise(LSHR, shift);
          FloatVector d =
              (FloatVector)
                  IntVector.fromMemorySegment(I, MEMORY, base + D, LITTLE_ENDIAN)
                      .reinterpretShape(F, 0);
          FloatVector scale;
          IntVector s;
          s = (IntVector) first0.reinterpretShape(I, 0);
          s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
          scale =
              (FloatVector) packed.lanewise(LSHL, 24).lanewise(ASHR, 24).convertShape(I2F, F, 0);
          acc0 = ((FloatVector) s.convertShape(I2F, F, 0)).fma(d.mul(scale).mul(factor), acc0);
          s = (IntVector) second0.reinterpretShape(I, 0);
          s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
          scale =
              (FloatVector) packed.lanewise(LSHL, 16).lanewise(ASHR, 24).convertShape(I2F, F, 0);
          acc0 = ((FloatVector) s.convertShape(I2F, F, 0)).fma(d.mul(scale).mul(factor), acc0);
          packed =
              IntVector.fromMemorySegment(I, MEMORY, at + VectorShape.BYTES, LITTLE_ENDIAN)
                  .lanewise(LSHR, shift);
          d =
              (FloatVector)
                  IntVector.fromMemorySegment(
                          I, MEMORY, base + D + VectorShape.BYTES, LITTLE_ENDIAN)
                      .reinterpretShape(F, 0);
          s = (IntVector) first1.reinterpretShape(I, 0);
          s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
          scale =
              (FloatVector) packed.lanewise(LSHL, 24).lanewise(ASHR, 24).convertShape(I2F, F, 0);
          acc1 = ((FloatVector) s.convertShape(I2F, F, 0)).fma(d.mul(scale).mul(factor), acc1);
          s = (IntVector) second1.reinterpretShape(I, 0);
          s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
          scale =
              (FloatVector) packed.lanewise(LSHL, 16).lanewise(ASHR, 24).convertShape(I2F, F, 0);
          acc1 = ((FloatVector) s.convertShape(I2F, F, 0)).fma(d.mul(scale).mul(factor), acc1);
        }
        p += INTS * STEP;
      }
      acc0.intoArray(out, row + tile * ROW_BLOCK);
      acc1.intoArray(out, row + tile * ROW_BLOCK + LANES);
    }
  }

  @Override
  int streamed() {
    return Activations.GROUP; // shifting the bits together again for a second one costs more
  }

  @Override
  void multiplyFew(
      long address, Activations x, int first, int end, float[] out, MatMulScratch scratch) {
    int superBlocks = columns() / COLUMNS;
    int block = first * x.blocks(); // one group only
    if (x.tokens() == 2) {
      Q6_KPair.multiply(address, superBlocks, x.bytes, block, out, 0, ROW_BLOCK);
    } else {
      Q6_KGroup.multiply(address, superBlocks, x.bytes, block, out, 0, ROW_BLOCK);
    }
  }

  @Override
  void unpack(long address, int column, int count, int half, MatMulScratch scratch) {
    long p = address + column / COLUMNS * (long) INTS * STEP;
    unpack(p, half * LANES, scratch.bytes, scratch.scales);
  }

  private static void unpack(long p, int half, int[] w, float[] scales) {
    IntVector nibbles = IntVector.broadcast(I, 0x0f0f0f0f);
    IntVector highs = IntVector.broadcast(I, 0x30303030);
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
      for (int j = 0; j < 4; j++) {
        IntVector h =
            IntVector.fromMemorySegment(I, MEMORY, q + (j >> 1) * STEP, LITTLE_ENDIAN)
                .lanewise(LSHR, 4 * (j & 1));
        IntVector v = IntVector.fromMemorySegment(I, MEMORY, q + (2 + j) * STEP, LITTLE_ENDIAN);
        v.and(nibbles).or(h.lanewise(LSHL, 4).and(highs)).intoArray(w, o);
        v.lanewise(LSHR, 4)
            .and(nibbles)
            .or(h.lanewise(LSHL, 2).and(highs))
            .intoArray(w, o + ROW_BLOCK);
        o += 2 * ROW_BLOCK;
      }
    }
  }

  @Override
  void multiplyGroup(
      MatMulScratch scratch, Activations x, int group, int column, int count, float[] out, int o) {
    int block = group * x.blocks() + column / Activations.BLOCK;
    ShortGemm.addHalves(scratch, x.tokens(), x.bytes, 32, block, count / Activations.BLOCK, out, o);
  }
}
