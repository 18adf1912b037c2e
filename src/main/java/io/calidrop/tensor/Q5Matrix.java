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
 * Q5_1 weights, {@code w = d * q + m}, and Q5_0 weights, {@code w = d * (q - 16)}; q in 0..31.
 *
 * <p>A block of 32 columns is 24 bytes in a file of Q5_1, 22 in one of Q5_0. In a tile it is
 * [6][lanes] ints: d and m (0 in Q5_0) as half-precision numbers, fifth bits, then four ints of
 * nibbles, see {@link PairBits}.
 */
final class Q5Matrix extends TiledMatrix {
  private static final int INTS = 6;
  private static final int[] MASKS = {0x000f000f, 0x00100010};

  private final boolean minima;

  /**
   * @param minima whether the format is Q5_1
   */
  Q5Matrix(boolean minima, int rows, int columns, Arena arena) {
    super(rows, columns, (long) columns / Activations.BLOCK * INTS * VectorShape.BYTES, arena);
    this.minima = minima;
  }

  @Override
  public int forms(int tokens) {
    return Activations.PAIRS;
  }

  @Override
  int unpackedColumns() {
    return MatMulScratch.COLUMNS;
  }

  @Override
  void repackRow(MemorySegment source, long offset, MemorySegment tile, int lane) {
    byte[] q = new byte[Activations.BLOCK];
    int head = minima ? 4 : 2;
    long to = lane * 4L;
    for (int b = 0; b < columns() / Activations.BLOCK; b++, offset += head + 20) {
      for (int i = 0; i < q.length; i++) {
        q[i] = (byte) LegacyBlocks.q5Quant(source, offset + head, i);
      }
      tile.set(INT, to, minima ? source.get(INT, offset) : source.get(SHORT, offset) & 0xffff);
      to += VectorShape.BYTES;
      tile.set(INT, to, PairBits.pack(q, 0, 0, 4, 1));
      to += VectorShape.BYTES;
      for (int k = 0; k < 16; k += 4, to += VectorShape.BYTES) {
        tile.set(INT, to, PairBits.pack(q, 0, k, 0, 4));
      }
    }
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    dot(address, tiles, columns() / Activations.BLOCK, x.bytes, minima ? 1 : 0, out, row);
  }

  /* Sixteen products of at most 16 * 127 fit a short lane (32,512). The sums start from -16 times the sum of
   * the activations: with a minimum it is added again, without one it is what the format asks for. */
  private static void dot(
      long p,
      int tiles,
      int blocks,
      QuantizedActivations input,
      int withMinima,
      float[] out,
      int row) {
    int[] x = input.pairs;
    int[] offsets = input.offsets;
    int[] totals = input.totals;
    float[] scales = input.scales;
    float[] sums = input.sums;
    IntVector nibbles = IntVector.broadcast(I, MASKS[0]);
    IntVector fifths = IntVector.broadcast(I, MASKS[1]);
    for (int tile = 0; tile < tiles; tile++) {
      FloatVector acc = FloatVector.zero(F);
      for (int b = 0; b < blocks; b++) {
        ShortVector even = IntVector.broadcast(I, offsets[b]).reinterpretAsShorts();
        ShortVector odd = ShortVector.zero(S);
        IntVector dm = IntVector.fromMemorySegment(I, MEMORY, p, LITTLE_ENDIAN);
        FloatVector d = Half.low(dm).mul(scales[b]);
        acc = Half.high(dm).fma(FloatVector.broadcast(F, sums[b]), acc);
        IntVector high =
            IntVector.fromMemorySegment(I, MEMORY, p + VectorShape.BYTES, LITTLE_ENDIAN);
        p += 2 * VectorShape.BYTES;
        for (int k = b * 16; k < b * 16 + 16; k += 4) {
          IntVector w = IntVector.fromMemorySegment(I, MEMORY, p, LITTLE_ENDIAN);
          p += VectorShape.BYTES;
          IntVector h = high.lanewise(LSHL, 4);
          high = high.lanewise(LSHR, 4);
          ShortVector x0 = IntVector.broadcast(I, x[k]).reinterpretAsShorts();
          ShortVector x1 = IntVector.broadcast(I, x[k + 1]).reinterpretAsShorts();
          ShortVector x2 = IntVector.broadcast(I, x[k + 2]).reinterpretAsShorts();
          ShortVector x3 = IntVector.broadcast(I, x[k + 3]).reinterpretAsShorts();
          IntVector w0 = w.and(nibbles).or(h.and(fifths));
          IntVector w1 = w.lanewise(LSHR, 4).and(nibbles).or(h.lanewise(LSHR, 1).and(fifths));
          IntVector w2 = w.lanewise(LSHR, 8).and(nibbles).or(h.lanewise(LSHR, 2).and(fifths));
          IntVector w3 = w.lanewise(LSHR, 12).and(nibbles).or(h.lanewise(LSHR, 3).and(fifths));
          even = even.add(w0.reinterpretAsShorts().mul(x0));
          odd = odd.add(w1.reinterpretAsShorts().mul(x1));
          even = even.add(w2.reinterpretAsShorts().mul(x2));
          odd = odd.add(w3.reinterpretAsShorts().mul(x3));
        }
        IntVector s = even.add(odd).reinterpretAsInts();
        s =
            s.lanewise(LSHL, 16)
                .lanewise(ASHR, 16)
                .add(s.lanewise(ASHR, 16))
                .add(totals[b] * withMinima);
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
    IntVector nibbles = IntVector.broadcast(I, MASKS[0]);
    IntVector fifths = IntVector.broadcast(I, MASKS[1]);
    for (int b = 0; b < blocks; b++) {
      IntVector dm = IntVector.fromMemorySegment(I, MEMORY, p, LITTLE_ENDIAN);
      IntVector high = IntVector.fromMemorySegment(I, MEMORY, p + VectorShape.BYTES, LITTLE_ENDIAN);
      Half.low(dm).intoArray(scales, b * ROW_BLOCK + half);
      Half.high(dm).intoArray(minima, b * ROW_BLOCK + half);
      int o = b * 16 * 2 * ROW_BLOCK + 2 * half;
      for (int j = 0; j < 4; j++) {
        IntVector q =
            IntVector.fromMemorySegment(I, MEMORY, p + (2 + j) * VectorShape.BYTES, LITTLE_ENDIAN);
        IntVector h = j == 0 ? high.lanewise(LSHL, 4) : high.lanewise(LSHR, 4 * j - 4);
        for (int s = 0; s < 4; s++) {
          q.lanewise(LSHR, 4 * s)
              .and(nibbles)
              .or(h.lanewise(LSHR, s).and(fifths))
              .reinterpretAsShorts()
              .sub((short) 16)
              .intoArray(w, o);
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
    int blocks = count / Activations.BLOCK;
    if (minima) {
      ShortGemm.addWithMinima(scratch, x.bytes, block, blocks, out, o, stride);
    } else {
      ShortGemm.add(scratch, x.bytes, block, blocks, out, o, stride);
    }
  }
}
