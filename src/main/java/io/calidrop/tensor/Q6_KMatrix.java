package io.calidrop.tensor;

import static io.calidrop.tensor.OffHeap.MEMORY;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.S;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.B2S;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * Q6_K weights: {@code w = d * scale * (q - 32)}, q in 0..63, with a signed byte of scale for each
 * 16 columns.
 *
 * <p>A super-block of 256 columns is 210 bytes in the file. In a tile q - 32 is a whole byte, which
 * measured faster than putting six bits together at each use: [5][lanes] ints of d as float32 and
 * of 16 scales, then for each of 8 blocks of 32 columns [16][lanes] pairs of bytes in the order of
 * {@link Activations#PAIR_COLUMNS}: the even pairs belong to its first 16 columns, the odd ones to
 * the others.
 */
final class Q6_KMatrix extends TiledMatrix {
  private static final int COLUMNS = 256;
  private static final int FILE_BYTES = 210;
  private static final int HEAD = 5 * VectorShape.BYTES;
  private static final int TILE_BYTES = HEAD + COLUMNS * VectorShape.LANES;

  Q6_KMatrix(int rows, int columns, Arena arena) {
    super(rows, columns, (long) columns / COLUMNS * TILE_BYTES, arena);
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
    for (int s = 0; s < columns() / COLUMNS; s++, offset += FILE_BYTES) {
      long to = (long) s * TILE_BYTES;
      float d = Float.float16ToFloat(source.get(SHORT, offset + 208));
      tile.set(INT, to + lane * 4L, Float.floatToRawIntBits(d));
      for (int i = 0; i < 4; i++) {
        int scales = source.get(INT, offset + 192 + i * 4);
        tile.set(INT, to + (1 + i) * (long) VectorShape.BYTES + lane * 4L, scales);
      }
      to += HEAD;
      for (int b = 0; b < 8; b++) {
        for (int k = 0; k < 16; k++) {
          int column = (k & ~3) + QuantizedActivations.PAIR_COLUMNS[k & 3];
          int first = quant(source, offset, b, column) & 0xff;
          int second = quant(source, offset, b, column + 2);
          tile.set(SHORT, to + ((b * 16L + k) * LANES + lane) * 2, (short) (first | second << 8));
        }
      }
    }
  }

  /**
   * q - 32 of a column of block {@code b}; each 128 columns are 64 bytes of low and 32 of high
   * bits.
   */
  private static int quant(MemorySegment source, long offset, int b, int column) {
    int chunk = b / 4;
    int quarter = b % 4;
    int low = source.get(BYTE, offset + chunk * 64 + quarter % 2 * 32 + column) >> quarter / 2 * 4;
    int high = source.get(BYTE, offset + 128 + chunk * 32 + column) >> quarter * 2;
    return (low & 15 | (high & 3) << 4) - 32;
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    dot(address, tiles, columns() / COLUMNS, x.bytes.pairs, x.bytes.scales, out, row);
  }

  /* Eight products of at most 32 * 127 fit a short lane (32,512): each 16 columns are widened once. */
  private static void dot(
      long p, int tiles, int superBlocks, int[] x, float[] scales, float[] out, int row) {
    for (int tile = 0; tile < tiles; tile++) {
      FloatVector acc = FloatVector.zero(F);
      for (int b = 0; b < 8 * superBlocks; b += 8) {
        FloatVector d =
            IntVector.fromMemorySegment(I, MEMORY, p, LITTLE_ENDIAN).reinterpretAsFloats();
        long q = p + HEAD;
        for (int i = 0; i < 8; i++) {
          ShortVector first = ShortVector.zero(S);
          ShortVector second = first;
          for (int k = (b + i) * 16; k < (b + i) * 16 + 16; k += 2) {
            ShortVector w0 =
                (ShortVector)
                    ByteVector.fromMemorySegment(HALF_BYTES, MEMORY, q, LITTLE_ENDIAN)
                        .convertShape(B2S, S, 0);
            ShortVector w1 =
                (ShortVector)
                    ByteVector.fromMemorySegment(HALF_BYTES, MEMORY, q + 2 * LANES, LITTLE_ENDIAN)
                        .convertShape(B2S, S, 0);
            q += 4 * LANES;
            first = first.add(w0.mul(IntVector.broadcast(I, x[k]).reinterpretAsShorts()));
            second = second.add(w1.mul(IntVector.broadcast(I, x[k + 1]).reinterpretAsShorts()));
          }
          IntVector packed =
              IntVector.fromMemorySegment(
                      I, MEMORY, p + (1 + (i >> 1)) * VectorShape.BYTES, LITTLE_ENDIAN)
                  .lanewise(LSHR, 16 * (i & 1));
          IntVector s = first.reinterpretAsInts();
          s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
          FloatVector scale =
              (FloatVector) packed.lanewise(LSHL, 24).lanewise(ASHR, 24).convert(I2F, 0);
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
    long p = address + column / COLUMNS * (long) TILE_BYTES;
    unpack(p, half * LANES, scratch.shorts, scratch.scales);
  }

  private static void unpack(long p, int half, short[] w, float[] scales) {
    FloatVector d = IntVector.fromMemorySegment(I, MEMORY, p, LITTLE_ENDIAN).reinterpretAsFloats();
    long q = p + HEAD;
    for (int h = 0; h < 16; h++) {
      long at = p + (1 + (h >> 2)) * VectorShape.BYTES;
      IntVector scale =
          IntVector.fromMemorySegment(I, MEMORY, at, LITTLE_ENDIAN)
              .lanewise(LSHR, 8 * (h & 3))
              .lanewise(LSHL, 24)
              .lanewise(ASHR, 24);
      d.mul(scale.convert(I2F, 0)).intoArray(scales, h * ROW_BLOCK + half);
    }
    for (int k = 0; k < COLUMNS / 2; k++, q += 2 * LANES) {
      ((ShortVector)
              ByteVector.fromMemorySegment(HALF_BYTES, MEMORY, q, LITTLE_ENDIAN)
                  .convertShape(B2S, S, 0))
          .intoArray(w, k * 2 * ROW_BLOCK + 2 * half);
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
