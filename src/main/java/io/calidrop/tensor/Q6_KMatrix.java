package io.calidrop.tensor;

import static io.calidrop.tensor.OffHeap.MEMORY;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
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
 * <p>A super-block of 256 columns is 210 bytes in the file. In a tile it is [53][lanes] ints: d as
 * float32, 16 scales in four, then for each of 8 blocks of 32 columns two of high bit pairs and
 * four of nibbles, see {@link PairBits}. The even pairs of a block belong to its first 16 columns,
 * the odd ones to the others.
 */
final class Q6_KMatrix extends TiledMatrix {
  private static final int COLUMNS = 256;
  private static final int FILE_BYTES = 210;
  private static final int INTS = 53;
  private static final int[] MASKS = {0x000f000f, 0x00300030};

  Q6_KMatrix(int rows, int columns, Arena arena) {
    super(rows, columns, (long) columns / COLUMNS * INTS * VectorShape.BYTES, arena);
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
    long to = lane * 4L;
    for (int s = 0; s < columns() / COLUMNS; s++, offset += FILE_BYTES) {
      for (int i = 0; i < q.length; i++) {
        q[i] = (byte) SuperBlocks.q6Quant(source, offset, i);
      }
      float d = Float.float16ToFloat(source.get(SHORT, offset + 208));
      tile.set(INT, to, Float.floatToRawIntBits(d));
      to += VectorShape.BYTES;
      for (int i = 0; i < 16; i += 4, to += VectorShape.BYTES) {
        tile.set(INT, to, source.get(INT, offset + 192 + i));
      }
      for (int b = 0; b < COLUMNS; b += Activations.BLOCK) {
        for (int k = 0; k < 16; k += 8, to += VectorShape.BYTES) {
          tile.set(INT, to, PairBits.pack(q, b, k, 4, 2));
        }
        for (int k = 0; k < 16; k += 4, to += VectorShape.BYTES) {
          tile.set(INT, to, PairBits.pack(q, b, k, 0, 4));
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
      FloatVector acc = FloatVector.zero(F);
      for (int b = 0; b < 8 * superBlocks; b += 8) {
        FloatVector d =
            IntVector.fromMemorySegment(I, MEMORY, p, LITTLE_ENDIAN).reinterpretAsFloats();
        long q = p + 5 * VectorShape.BYTES;
        for (int i = 0; i < 8; i++) {
          ShortVector first =
              IntVector.broadcast(I, halves[2 * (b + i)]).reinterpretAsShorts().mul((short) -32);
          ShortVector second =
              IntVector.broadcast(I, halves[2 * (b + i) + 1])
                  .reinterpretAsShorts()
                  .mul((short) -32);
          for (int j = 0; j < 4; j++) {
            int k = (b + i) * 16 + 4 * j;
            IntVector h =
                IntVector.fromMemorySegment(
                        I, MEMORY, q + (j >> 1) * VectorShape.BYTES, LITTLE_ENDIAN)
                    .lanewise(LSHR, 8 * (j & 1));
            IntVector w =
                IntVector.fromMemorySegment(
                    I, MEMORY, q + (2 + j) * VectorShape.BYTES, LITTLE_ENDIAN);
            ShortVector x0 = IntVector.broadcast(I, x[k]).reinterpretAsShorts();
            ShortVector x1 = IntVector.broadcast(I, x[k + 1]).reinterpretAsShorts();
            ShortVector x2 = IntVector.broadcast(I, x[k + 2]).reinterpretAsShorts();
            ShortVector x3 = IntVector.broadcast(I, x[k + 3]).reinterpretAsShorts();
            IntVector w0 = w.and(nibbles).or(h.lanewise(LSHL, 4).and(highs));
            IntVector w1 = w.lanewise(LSHR, 4).and(nibbles).or(h.lanewise(LSHL, 2).and(highs));
            IntVector w2 = w.lanewise(LSHR, 8).and(nibbles).or(h.and(highs));
            IntVector w3 = w.lanewise(LSHR, 12).and(nibbles).or(h.lanewise(LSHR, 2).and(highs));
            first = first.add(w0.reinterpretAsShorts().mul(x0));
            second = second.add(w1.reinterpretAsShorts().mul(x1));
            first = first.add(w2.reinterpretAsShorts().mul(x2));
            second = second.add(w3.reinterpretAsShorts().mul(x3));
          }
          q += 6 * VectorShape.BYTES;
          IntVector packed =
              IntVector.fromMemorySegment(
                      I, MEMORY, p + (1 + (i >> 1)) * VectorShape.BYTES, LITTLE_ENDIAN)
                  .lanewise(LSHR, 16 * (i & 1));
          IntVector s;
          FloatVector scale;
          s = first.reinterpretAsInts();
          s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
          scale = (FloatVector) packed.lanewise(LSHL, 24).lanewise(ASHR, 24).convert(I2F, 0);
          acc = ((FloatVector) s.convert(I2F, 0)).fma(d.mul(scale).mul(scales[b + i]), acc);
          s = second.reinterpretAsInts();
          s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
          scale = (FloatVector) packed.lanewise(LSHL, 16).lanewise(ASHR, 24).convert(I2F, 0);
          acc = ((FloatVector) s.convert(I2F, 0)).fma(d.mul(scale).mul(scales[b + i]), acc);
        }
        p = q;
      }
      acc.intoArray(out, row + tile * LANES);
    }
  }

  @Override
  void unpack(long address, int column, int count, int half, MatMulScratch scratch) {
    long p = address + column / COLUMNS * (long) INTS * VectorShape.BYTES;
    unpack(p, half * LANES, scratch.shorts, scratch.scales);
  }

  private static void unpack(long p, int half, short[] w, float[] scales) {
    IntVector nibbles = IntVector.broadcast(I, MASKS[0]);
    IntVector highs = IntVector.broadcast(I, MASKS[1]);
    unpackScales(p, half, scales);
    int o = 2 * half;
    for (int i = 0; i < 8; i++) {
      long q = p + (5 + 6 * i) * VectorShape.BYTES;
      for (int j = 0; j < 4; j++) {
        IntVector h =
            IntVector.fromMemorySegment(I, MEMORY, q + (j >> 1) * VectorShape.BYTES, LITTLE_ENDIAN)
                .lanewise(LSHR, 8 * (j & 1));
        IntVector v =
            IntVector.fromMemorySegment(I, MEMORY, q + (2 + j) * VectorShape.BYTES, LITTLE_ENDIAN);
        for (int s = 0; s < 4; s++) {
          v.lanewise(LSHR, 4 * s)
              .and(nibbles)
              .or(h.lanewise(LSHR, 2 * s).lanewise(LSHL, 4).and(highs))
              .reinterpretAsShorts()
              .sub((short) 32)
              .intoArray(w, o);
          o += 2 * ROW_BLOCK;
        }
      }
    }
  }

  /**
   * d times each of sixteen signed scales, of a super-block at {@code p} that starts with d and
   * four ints of them.
   */
  static void unpackScales(long p, int half, float[] scales) {
    FloatVector d = IntVector.fromMemorySegment(I, MEMORY, p, LITTLE_ENDIAN).reinterpretAsFloats();
    for (int h = 0; h < 16; h++) {
      long at = p + (1 + (h >> 2)) * VectorShape.BYTES;
      IntVector scale =
          IntVector.fromMemorySegment(I, MEMORY, at, LITTLE_ENDIAN)
              .lanewise(LSHR, 8 * (h & 3))
              .lanewise(LSHL, 24)
              .lanewise(ASHR, 24);
      d.mul(scale.convert(I2F, 0)).intoArray(scales, h * ROW_BLOCK + half);
    }
  }

  @Override
  void multiplyGroup(
      MatMulScratch scratch,
      Activations x,
      int group,
      int column,
      int count,
      float[] out,
      int o,
      int stride) {
    int block = group * x.blocks() + column / Activations.BLOCK;
    ShortGemm.addHalves(scratch, x.bytes, block, count / Activations.BLOCK, out, o, stride);
  }
}
