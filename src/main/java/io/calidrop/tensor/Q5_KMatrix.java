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
 * Q5_K weights: {@code w = d * scale * q - dmin * min}, q in 0..31, with a 6-bit scale and min for
 * each 32 columns.
 *
 * <p>A super-block of 256 columns is 176 bytes in the file. In a tile it is [46][lanes] ints: d,
 * dmin, scales and minima as in Q4_K, then for each of 8 blocks an int of fifth bits, bit k of its
 * low and high half belonging to pair k, and four ints of nibbles in the order of Q4_0.
 */
final class Q5_KMatrix extends TiledMatrix {
  private static final int COLUMNS = 256;
  private static final int FILE_BYTES = 176;
  private static final int INTS = 46;
  private static final int[] MASKS = {0x000f000f, 0x00100010};

  Q5_KMatrix(int rows, int columns, Arena arena) {
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
    byte[] high =
        new byte[Activations.BLOCK]; // bit b of byte i is the fifth of column i of block b
    for (int s = 0; s < columns() / COLUMNS; s++, offset += FILE_BYTES) {
      MemorySegment.copy(source, BYTE, offset + 16, high, 0, high.length);
      long to = ((long) s * INTS * LANES + lane) * Integer.BYTES;
      float d = Float.float16ToFloat(source.get(SHORT, offset));
      float dmin = Float.float16ToFloat(source.get(SHORT, offset + 2));
      tile.set(INT, to, Float.floatToRawIntBits(d));
      tile.set(INT, to + VectorShape.BYTES, Float.floatToRawIntBits(dmin));
      KScales.repack(source, offset + 4, tile, to + 2 * VectorShape.BYTES);
      for (int b = 0; b < 8; b++) {
        long block = to + (6 + b * 5) * (long) VectorShape.BYTES;
        tile.set(INT, block, PairBits.pack(high, 0, 0, b, 1));
        for (int j = 0; j < 4; j++) {
          long from = offset + 48 + b / 2 * 32 + j * 4;
          int shift = b % 2 * 4;
          int first = source.get(INT, from) >>> shift & 0x0f0f0f0f;
          int second = source.get(INT, from + 16) >>> shift & 0x0f0f0f0f;
          tile.set(INT, block + (1 + j) * (long) VectorShape.BYTES, first | second << 4);
        }
      }
    }
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    dot(address, tiles, columns() / COLUMNS, x.bytes, out, row);
  }

  /* Lanes as in Q4_1, with weights of 5 and activations of 8 bits. Each shift brings a pair's fifth bits to
   * the places above its nibbles. */
  private static void dot(
      long p, int tiles, int superBlocks, QuantizedActivations input, float[] out, int row) {
    int[] x = input.pairs;
    int[] offsets = input.offsets;
    int[] totals = input.totals;
    float[] scales = input.scales;
    float[] sums = input.sums;
    IntVector nibbles = IntVector.broadcast(I, MASKS[0]);
    IntVector fifths = IntVector.broadcast(I, MASKS[1]);
    for (int tile = 0; tile < tiles; tile++) {
      FloatVector acc = FloatVector.zero(F);
      for (int b = 0; b < 8 * superBlocks; b += 8) {
        FloatVector d =
            IntVector.fromMemorySegment(I, MEMORY, p, LITTLE_ENDIAN).reinterpretAsFloats();
        FloatVector dmin =
            IntVector.fromMemorySegment(I, MEMORY, p + VectorShape.BYTES, LITTLE_ENDIAN)
                .reinterpretAsFloats()
                .neg();
        long q = p + 6 * VectorShape.BYTES;
        for (int i = 0; i < 8; i++) {
          ShortVector even = IntVector.broadcast(I, offsets[b + i]).reinterpretAsShorts();
          ShortVector odd = ShortVector.zero(S);
          IntVector high = IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN);
          q += VectorShape.BYTES;
          for (int j = 0; j < 4; j++) {
            int k = (b + i) * 16 + 4 * j;
            IntVector w = IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN);
            q += VectorShape.BYTES;
            IntVector h = j == 0 ? high.lanewise(LSHL, 4) : high.lanewise(LSHR, 4 * j - 4);
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
          s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16)).add(totals[b + i]);
          long at = p + (2 + (i >> 2)) * VectorShape.BYTES;
          int shift = 8 * (i & 3);
          FloatVector scale =
              (FloatVector)
                  IntVector.fromMemorySegment(I, MEMORY, at, LITTLE_ENDIAN)
                      .lanewise(LSHR, shift)
                      .and(0xff)
                      .convert(I2F, 0);
          FloatVector min =
              (FloatVector)
                  IntVector.fromMemorySegment(I, MEMORY, at + 2 * VectorShape.BYTES, LITTLE_ENDIAN)
                      .lanewise(LSHR, shift)
                      .and(0xff)
                      .convert(I2F, 0);
          acc = dmin.mul(min).fma(FloatVector.broadcast(F, sums[b + i]), acc);
          acc = ((FloatVector) s.convert(I2F, 0)).fma(d.mul(scale).mul(scales[b + i]), acc);
        }
        p = q;
      }
      acc.intoArray(out, row + tile * LANES);
    }
  }

  @Override
  void unpack(long address, int column, int count, int half, MatMulScratch scratch) {
    unpack(
        address + column / COLUMNS * (long) INTS * VectorShape.BYTES,
        half * LANES,
        scratch.shorts,
        scratch.scales,
        scratch.minima);
  }

  private static void unpack(long p, int half, short[] w, float[] scales, float[] minima) {
    IntVector nibbles = IntVector.broadcast(I, MASKS[0]);
    IntVector fifths = IntVector.broadcast(I, MASKS[1]);
    FloatVector d = IntVector.fromMemorySegment(I, MEMORY, p, LITTLE_ENDIAN).reinterpretAsFloats();
    FloatVector dmin =
        IntVector.fromMemorySegment(I, MEMORY, p + VectorShape.BYTES, LITTLE_ENDIAN)
            .reinterpretAsFloats()
            .neg();
    long q = p + 6 * VectorShape.BYTES;
    for (int i = 0; i < 8; i++) {
      long at = p + (2 + (i >> 2)) * VectorShape.BYTES;
      int shift = 8 * (i & 3);
      IntVector scale =
          IntVector.fromMemorySegment(I, MEMORY, at, LITTLE_ENDIAN).lanewise(LSHR, shift).and(0xff);
      IntVector min =
          IntVector.fromMemorySegment(I, MEMORY, at + 2 * VectorShape.BYTES, LITTLE_ENDIAN)
              .lanewise(LSHR, shift)
              .and(0xff);
      d.mul(scale.convert(I2F, 0)).intoArray(scales, i * ROW_BLOCK + half);
      dmin.mul(min.convert(I2F, 0)).intoArray(minima, i * ROW_BLOCK + half);
      int o = i * 16 * 2 * ROW_BLOCK + 2 * half;
      IntVector high = IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN);
      q += VectorShape.BYTES;
      for (int j = 0; j < 4; j++) {
        IntVector v = IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN);
        IntVector h = j == 0 ? high.lanewise(LSHL, 4) : high.lanewise(LSHR, 4 * j - 4);
        for (int s = 0; s < 4; s++) {
          v.lanewise(LSHR, 4 * s)
              .and(nibbles)
              .or(h.lanewise(LSHR, s).and(fifths))
              .reinterpretAsShorts()
              .sub((short) 16)
              .intoArray(w, o);
          o += 2 * ROW_BLOCK;
        }
        q += VectorShape.BYTES;
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
    ShortGemm.addWithMinima(scratch, x.bytes, block, count / Activations.BLOCK, out, o, stride);
  }
}
