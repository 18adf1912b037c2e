package io.calidrop.tensor;

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
 * Q4_0 weights: {@code w = d * (q - 8)}, q in 0..15.
 *
 * <p>A block of 32 columns is 18 bytes in the file: d as a half precision number, then four ints of
 * eight nibbles. A tile takes blocks in pairs, so that every vector is aligned to a cache line:
 * [pairs of blocks][9][lanes] ints, the first of both blocks' d, the others of nibbles.
 */
final class Q4_0Matrix extends TiledMatrix {
  private static final int FILE_BYTES = 18;
  private static final int INTS = 9;
  private static final int[] NIBBLES = {0x000f000f};

  Q4_0Matrix(int rows, int columns, Arena arena) {
    super(rows, columns, pairs(columns) * INTS * VectorShape.BYTES, arena);
  }

  private static long pairs(int columns) {
    return Math.ceilDiv(columns, 2 * Activations.BLOCK);
  }

  @Override
  public int forms(int tokens) {
    return Activations.FINE_PAIRS;
  }

  @Override
  int unpackedColumns() {
    return MatMulScratch.COLUMNS;
  }

  @Override
  void repackRow(MemorySegment source, long offset, MemorySegment tile, int lane) {
    for (int b = 0; b < columns() / Activations.BLOCK; b++) {
      long from = offset + (long) b * FILE_BYTES;
      long to = (b / 2L * INTS * LANES + lane) * Integer.BYTES;
      tile.set(SHORT, to + b % 2 * Short.BYTES, source.get(SHORT, from));
      for (int j = 0; j < 4; j++) {
        int q = source.get(INT, from + Short.BYTES + j * Integer.BYTES);
        tile.set(INT, to + (1 + b % 2 * 4 + j) * (long) VectorShape.BYTES, q);
      }
    }
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    dot(address, tiles, x.blocks(), x.fine, out, row);
  }

  /* Lanes as in Q4_1; without a minimum the sum less 8 times the activations is the product itself. */
  private static void dot(
      long p, int tiles, int blocks, QuantizedActivations input, float[] out, int row) {
    int[] x = input.pairs;
    int[] offsets = input.offsets;
    float[] scales = input.scales;
    IntVector nibbles = IntVector.broadcast(I, NIBBLES[0]);
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
        ShortVector even = IntVector.broadcast(I, offsets[b]).reinterpretAsShorts();
        ShortVector odd = ShortVector.zero(S);
        for (int k = b * 16; k < b * 16 + 16; k += 4) {
          IntVector w = IntVector.fromMemorySegment(I, MEMORY, p, LITTLE_ENDIAN);
          p += VectorShape.BYTES;
          ShortVector x0 = IntVector.broadcast(I, x[k]).reinterpretAsShorts();
          ShortVector x1 = IntVector.broadcast(I, x[k + 1]).reinterpretAsShorts();
          ShortVector x2 = IntVector.broadcast(I, x[k + 2]).reinterpretAsShorts();
          ShortVector x3 = IntVector.broadcast(I, x[k + 3]).reinterpretAsShorts();
          even = even.add(w.and(nibbles).reinterpretAsShorts().mul(x0));
          odd = odd.add(w.lanewise(LSHR, 4).and(nibbles).reinterpretAsShorts().mul(x1));
          even = even.add(w.lanewise(LSHR, 8).and(nibbles).reinterpretAsShorts().mul(x2));
          odd = odd.add(w.lanewise(LSHR, 12).and(nibbles).reinterpretAsShorts().mul(x3));
        }
        IntVector s = even.add(odd).reinterpretAsInts();
        s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
        acc = ((FloatVector) s.convert(I2F, 0)).fma(Half.low(ds).mul(scales[b]), acc);
      }
      acc.intoArray(out, row + tile * LANES);
    }
  }

  @Override
  void unpack(long address, int column, int count, int half, MatMulScratch scratch) {
    long pair = column / (2 * Activations.BLOCK);
    unpack(
        address + pair * INTS * VectorShape.BYTES,
        count / Activations.BLOCK,
        half * LANES,
        scratch.shorts,
        scratch.scales);
  }

  private static void unpack(long p, int blocks, int half, short[] w, float[] scales) {
    IntVector nibbles = IntVector.broadcast(I, NIBBLES[0]);
    for (int b = 0; b < blocks; b++) {
      if (b % 2 == 0) {
        IntVector ds = IntVector.fromMemorySegment(I, MEMORY, p, LITTLE_ENDIAN);
        Half.low(ds).intoArray(scales, b * ROW_BLOCK + half);
        if (b + 1 < blocks) {
          Half.high(ds).intoArray(scales, (b + 1) * ROW_BLOCK + half);
        }
        p += VectorShape.BYTES;
      }
      int o = b * 16 * 2 * ROW_BLOCK + 2 * half;
      for (int j = 0; j < 4; j++) {
        IntVector q = IntVector.fromMemorySegment(I, MEMORY, p, LITTLE_ENDIAN);
        for (int shift = 0; shift < 16; shift += 4) {
          q.lanewise(LSHR, shift).and(nibbles).reinterpretAsShorts().sub((short) 8).intoArray(w, o);
          o += 2 * ROW_BLOCK;
        }
        p += VectorShape.BYTES;
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
    ShortGemm.add(scratch, x.fine, block, count / Activations.BLOCK, out, o, stride);
  }
}
