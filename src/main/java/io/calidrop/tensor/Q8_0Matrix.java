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

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;

/**
 * Q8_0 weights: {@code w = d * q}, q a signed byte.
 *
 * <p>A block of 32 columns is 34 bytes in the file: d as a half precision number, then the bytes. A
 * tile takes blocks in pairs: [pairs of blocks][lanes] ints of both blocks' d, then for each of the
 * two [16][lanes] pairs of bytes, in the order of {@link QuantizedActivations#PAIR_COLUMNS}.
 */
final class Q8_0Matrix extends TiledMatrix {
  private static final int FILE_BYTES = 34;
  private static final int BLOCK_BYTES = Activations.BLOCK * VectorShape.LANES;
  private static final int PAIR_BYTES = VectorShape.BYTES + 2 * BLOCK_BYTES;

  Q8_0Matrix(int rows, int columns, Arena arena) {
    super(rows, columns, Math.ceilDiv(columns, 2 * Activations.BLOCK) * (long) PAIR_BYTES, arena);
  }

  @Override
  public int forms(int tokens) {
    return tokens == 1 ? Activations.PAIRS : Activations.INTEGERS;
  }

  @Override
  int unpackedColumns() {
    return FloatGemm.COLUMNS;
  }

  @Override
  void repackRow(MemorySegment source, long offset, MemorySegment tile, int lane) {
    for (int b = 0; b < columns() / Activations.BLOCK; b++) {
      long from = offset + (long) b * FILE_BYTES;
      long to = b / 2L * PAIR_BYTES;
      tile.set(SHORT, to + lane * 4L + b % 2 * 2, source.get(SHORT, from));
      to += VectorShape.BYTES + b % 2 * (long) BLOCK_BYTES;
      for (int k = 0; k < 16; k++) {
        int column = (k & ~3) + QuantizedActivations.PAIR_COLUMNS[k & 3];
        byte first = source.get(BYTE, from + 2 + column);
        byte second = source.get(BYTE, from + 2 + column + 2);
        tile.set(SHORT, to + ((long) k * LANES + lane) * 2, (short) (first & 0xff | second << 8));
      }
    }
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    dot(address, tiles, x.blocks(), x.bytes.pairs, x.bytes.scales, out, row);
  }

  /* Two products of bytes fit a short lane, so each two pairs of columns are widened once. */
  private static void dot(
      long p, int tiles, int blocks, int[] x, float[] scales, float[] out, int row) {
    for (int tile = 0; tile < tiles; tile++) {
      FloatVector acc = FloatVector.zero(F);
      IntVector ds = IntVector.zero(I);
      for (int b = 0; b < blocks; b++) {
        if ((b & 1) == 0) {
          ds = IntVector.fromMemorySegment(I, MEMORY, p, LITTLE_ENDIAN);
          p += VectorShape.BYTES;
        } else {
          ds = ds.lanewise(ASHR, 16);
        }
        IntVector low = IntVector.zero(I);
        IntVector high = low;
        for (int k = b * 16; k < b * 16 + 16; k += 2) {
          ShortVector w0 =
              (ShortVector)
                  ByteVector.fromMemorySegment(HALF_BYTES, MEMORY, p, LITTLE_ENDIAN)
                      .convertShape(B2S, S, 0);
          ShortVector w1 =
              (ShortVector)
                  ByteVector.fromMemorySegment(HALF_BYTES, MEMORY, p + 2 * LANES, LITTLE_ENDIAN)
                      .convertShape(B2S, S, 0);
          p += 4 * LANES;
          ShortVector x0 = IntVector.broadcast(I, x[k]).reinterpretAsShorts();
          ShortVector x1 = IntVector.broadcast(I, x[k + 1]).reinterpretAsShorts();
          IntVector s = w0.mul(x0).add(w1.mul(x1)).reinterpretAsInts();
          low = low.add(s.lanewise(LSHL, 16).lanewise(ASHR, 16));
          high = high.add(s.lanewise(ASHR, 16));
        }
        acc = ((FloatVector) low.add(high).convert(I2F, 0)).fma(Half.low(ds).mul(scales[b]), acc);
      }
      acc.intoArray(out, row + tile * LANES);
    }
  }

  @Override
  void unpack(long address, int column, int count, int half, MatMulScratch scratch) {
    unpack(
        address + column / (2 * Activations.BLOCK) * (long) PAIR_BYTES,
        count / Activations.BLOCK,
        half * LANES,
        scratch.floats,
        scratch.scales);
  }

  private static void unpack(long p, int blocks, int half, float[] w, float[] scales) {
    for (int b = 0; b < blocks; b++) {
      if (b % 2 == 0) {
        IntVector ds = IntVector.fromMemorySegment(I, MEMORY, p, LITTLE_ENDIAN);
        Half.low(ds).intoArray(scales, b * ROW_BLOCK + half);
        if (b + 1 < blocks) {
          Half.high(ds).intoArray(scales, (b + 1) * ROW_BLOCK + half);
        }
        p += VectorShape.BYTES;
      }
      for (int k = 0; k < 16; k++) {
        IntVector s =
            ((ShortVector)
                    ByteVector.fromMemorySegment(HALF_BYTES, MEMORY, p, LITTLE_ENDIAN)
                        .convertShape(B2S, S, 0))
                .reinterpretAsInts();
        int column = b * Activations.BLOCK + (k & ~3) + QuantizedActivations.PAIR_COLUMNS[k & 3];
        ((FloatVector) s.lanewise(LSHL, 16).lanewise(ASHR, 16).convert(I2F, 0))
            .intoArray(w, column * ROW_BLOCK + half);
        ((FloatVector) s.lanewise(ASHR, 16).convert(I2F, 0))
            .intoArray(w, (column + 2) * ROW_BLOCK + half);
        p += 2 * LANES;
      }
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
    FloatGemm.addBlocks(scratch, x.bytes, block, count / Activations.BLOCK, out, o, stride);
  }
}
