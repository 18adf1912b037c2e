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
 * Q4_1 weights: {@code w = d * q + m}, q in 0..15.
 *
 * <p>A block of 32 columns, 20 bytes as in the file, is five ints: d and m as half precision
 * numbers, then four of eight nibbles. A tile interleaves the ints of its rows, [blocks][5][lanes].
 */
final class Q4_1Matrix extends TiledMatrix {
  private static final int INTS = 5;
  private static final int[] NIBBLES = {0x000f000f};

  Q4_1Matrix(int rows, int columns, Arena arena) {
    super(rows, columns, (long) columns / Activations.BLOCK * INTS * VectorShape.BYTES, arena);
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
    int ints = columns() / Activations.BLOCK * INTS;
    for (int i = 0; i < ints; i++) {
      tile.set(INT, ((long) i * LANES + lane) * Integer.BYTES, source.get(INT, offset + i * 4L));
    }
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    dot(address, tiles, columns() / Activations.BLOCK, x.fine, out, row);
  }

  /* The sixteen products of a short lane, less 8 times the sum of its activations, are within 16 * 8 *
   * 255 = 32,640; the sum starts from that offset and may wrap around on the way. The low and the high lane
   * of an int are widened separately because their sum does not fit. Two accumulators halve the chain of
   * additions. */
  private static void dot(
      long p, int tiles, int blocks, QuantizedActivations input, float[] out, int row) {
    int[] x = input.pairs;
    int[] offsets = input.offsets;
    int[] totals = input.totals;
    float[] scales = input.scales;
    float[] sums = input.sums;
    IntVector nibbles = IntVector.broadcast(I, NIBBLES[0]);
    for (int tile = 0; tile < tiles; tile++) {
      FloatVector acc = FloatVector.zero(F);
      for (int b = 0; b < blocks; b++) {
        ShortVector even = IntVector.broadcast(I, offsets[b]).reinterpretAsShorts();
        ShortVector odd = ShortVector.zero(S);
        IntVector dm = IntVector.fromMemorySegment(I, MEMORY, p, LITTLE_ENDIAN);
        FloatVector d = Half.low(dm).mul(scales[b]);
        acc = Half.high(dm).fma(FloatVector.broadcast(F, sums[b]), acc);
        p += VectorShape.BYTES;
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
        s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16)).add(totals[b]);
        acc = ((FloatVector) s.convert(I2F, 0)).fma(d, acc);
      }
      acc.intoArray(out, row + tile * LANES);
    }
  }

  @Override
  void unpack(long address, int column, int count, int half, MatMulScratch scratch) {
    int block = column / Activations.BLOCK;
    unpack(
        address + (long) block * INTS * VectorShape.BYTES,
        count / Activations.BLOCK,
        half * LANES,
        scratch.shorts,
        scratch.scales,
        scratch.minima);
  }

  private static void unpack(
      long p, int blocks, int half, short[] w, float[] scales, float[] minima) {
    IntVector nibbles = IntVector.broadcast(I, NIBBLES[0]);
    for (int b = 0; b < blocks; b++) {
      IntVector dm = IntVector.fromMemorySegment(I, MEMORY, p, LITTLE_ENDIAN);
      Half.low(dm).intoArray(scales, b * ROW_BLOCK + half);
      Half.high(dm).intoArray(minima, b * ROW_BLOCK + half);
      int o = b * 16 * 2 * ROW_BLOCK + 2 * half;
      for (int j = 0; j < 4; j++) {
        IntVector q =
            IntVector.fromMemorySegment(I, MEMORY, p + (1 + j) * VectorShape.BYTES, LITTLE_ENDIAN);
        for (int shift = 0; shift < 16; shift += 4) {
          q.lanewise(LSHR, shift).and(nibbles).reinterpretAsShorts().sub((short) 8).intoArray(w, o);
          o += 2 * ROW_BLOCK;
        }
      }
      p += INTS * VectorShape.BYTES;
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
    ShortGemm.addWithMinima(scratch, x.fine, block, count / Activations.BLOCK, out, o, stride);
  }
}
