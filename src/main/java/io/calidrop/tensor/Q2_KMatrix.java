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
 * Q2_K weights: {@code w = d * scale * q - dmin * min}, q in 0..3, with a 4-bit scale and minimum
 * for each 16 columns.
 *
 * <p>A super-block of 256 columns is 84 bytes in the file. In a tile it is [22][lanes] ints: d and
 * dmin as float32, 16 bytes of a scale (low nibble) and a minimum (high) in four, then for each of
 * 8 blocks of 32 columns two of bit pairs, see {@link PairBits}. Halves of a block as in {@link
 * Q6_KMatrix}.
 */
final class Q2_KMatrix extends TiledMatrix {
  private static final int COLUMNS = 256;
  private static final int FILE_BYTES = 84;
  private static final int INTS = 22;
  private static final int[] MASKS = {0x00030003};

  Q2_KMatrix(int rows, int columns, Arena arena) {
    super(rows, columns, (long) columns / COLUMNS * INTS * VectorShape.BYTES, arena);
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
    long to = lane * 4L;
    for (int s = 0; s < columns() / COLUMNS; s++, offset += FILE_BYTES) {
      for (int i = 0; i < q.length; i++) {
        q[i] = (byte) SuperBlocks.q2Quant(source, offset, i);
      }
      for (int i = 0; i < 4; i += 2, to += VectorShape.BYTES) {
        float scale = Float.float16ToFloat(source.get(SHORT, offset + 80 + i));
        tile.set(INT, to, Float.floatToRawIntBits(scale));
      }
      for (int i = 0; i < 16; i += 4, to += VectorShape.BYTES) {
        tile.set(INT, to, source.get(INT, offset + i));
      }
      for (int b = 0; b < COLUMNS; b += Activations.BLOCK) {
        for (int k = 0; k < 16; k += 8, to += VectorShape.BYTES) {
          tile.set(INT, to, PairBits.pack(q, b, k, 0, 2));
        }
      }
    }
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    dot(address, tiles, columns() / COLUMNS, x.fine, out, row);
  }

  /* Lanes as in Q6_K. The minima of a super-block follow its products, as in multiplyGroup. */
  private static void dot(
      long p, int tiles, int superBlocks, QuantizedActivations input, float[] out, int row) {
    int[] x = input.pairs;
    float[] halfSums = input.halfSums;
    float[] scales = input.scales;
    IntVector lows = IntVector.broadcast(I, MASKS[0]);
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
          ShortVector first = ShortVector.zero(S);
          ShortVector second = first;
          for (int j = 0; j < 4; j++) {
            int k = (b + i) * 16 + 4 * j;
            IntVector w =
                IntVector.fromMemorySegment(
                        I, MEMORY, q + (j >> 1) * VectorShape.BYTES, LITTLE_ENDIAN)
                    .lanewise(LSHR, 8 * (j & 1));
            ShortVector x0 = IntVector.broadcast(I, x[k]).reinterpretAsShorts();
            ShortVector x1 = IntVector.broadcast(I, x[k + 1]).reinterpretAsShorts();
            ShortVector x2 = IntVector.broadcast(I, x[k + 2]).reinterpretAsShorts();
            ShortVector x3 = IntVector.broadcast(I, x[k + 3]).reinterpretAsShorts();
            IntVector w0 = w.and(lows);
            IntVector w1 = w.lanewise(LSHR, 2).and(lows);
            IntVector w2 = w.lanewise(LSHR, 4).and(lows);
            IntVector w3 = w.lanewise(LSHR, 6).and(lows);
            first = first.add(w0.reinterpretAsShorts().mul(x0));
            second = second.add(w1.reinterpretAsShorts().mul(x1));
            first = first.add(w2.reinterpretAsShorts().mul(x2));
            second = second.add(w3.reinterpretAsShorts().mul(x3));
          }
          q += 2 * VectorShape.BYTES;
          IntVector packed =
              IntVector.fromMemorySegment(
                      I, MEMORY, p + (2 + (i >> 1)) * VectorShape.BYTES, LITTLE_ENDIAN)
                  .lanewise(LSHR, 16 * (i & 1));
          IntVector s;
          FloatVector scale;
          s = first.reinterpretAsInts();
          s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
          scale = (FloatVector) packed.and(15).convert(I2F, 0);
          acc = ((FloatVector) s.convert(I2F, 0)).fma(d.mul(scale).mul(scales[b + i]), acc);
          s = second.reinterpretAsInts();
          s = s.lanewise(LSHL, 16).lanewise(ASHR, 16).add(s.lanewise(ASHR, 16));
          scale = (FloatVector) packed.lanewise(LSHR, 8).and(15).convert(I2F, 0);
          acc = ((FloatVector) s.convert(I2F, 0)).fma(d.mul(scale).mul(scales[b + i]), acc);
        }
        for (int h = 0; h < 16; h++) {
          IntVector min =
              IntVector.fromMemorySegment(
                      I, MEMORY, p + (2 + (h >> 2)) * VectorShape.BYTES, LITTLE_ENDIAN)
                  .lanewise(LSHR, 8 * (h & 3) + 4)
                  .and(15);
          acc =
              dmin.mul(min.convert(I2F, 0)).fma(FloatVector.broadcast(F, halfSums[2 * b + h]), acc);
        }
        p = q;
      }
      acc.intoArray(out, row + tile * LANES);
    }
  }

  @Override
  void unpack(long address, int column, int count, int half, MatMulScratch scratch) {
    long p = address + column / COLUMNS * (long) INTS * VectorShape.BYTES;
    unpack(p, half * LANES, scratch.shorts, scratch.scales, scratch.minima);
  }

  private static void unpack(long p, int half, short[] w, float[] scales, float[] minima) {
    IntVector lows = IntVector.broadcast(I, MASKS[0]);
    FloatVector d = IntVector.fromMemorySegment(I, MEMORY, p, LITTLE_ENDIAN).reinterpretAsFloats();
    FloatVector dmin =
        IntVector.fromMemorySegment(I, MEMORY, p + VectorShape.BYTES, LITTLE_ENDIAN)
            .reinterpretAsFloats()
            .neg();
    for (int h = 0; h < 16; h++) {
      long at = p + (2 + (h >> 2)) * VectorShape.BYTES;
      IntVector packed =
          IntVector.fromMemorySegment(I, MEMORY, at, LITTLE_ENDIAN).lanewise(LSHR, 8 * (h & 3));
      d.mul(packed.and(15).convert(I2F, 0)).intoArray(scales, h * ROW_BLOCK + half);
      dmin.mul(packed.lanewise(LSHR, 4).and(15).convert(I2F, 0))
          .intoArray(minima, h * ROW_BLOCK + half);
    }
    int o = 2 * half;
    for (int i = 0; i < 16; i++) {
      IntVector q =
          IntVector.fromMemorySegment(I, MEMORY, p + (6 + i) * VectorShape.BYTES, LITTLE_ENDIAN);
      for (int shift = 0; shift < 16; shift += 2) {
        q.lanewise(LSHR, shift).and(lows).reinterpretAsShorts().intoArray(w, o);
        o += 2 * ROW_BLOCK;
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
    ShortGemm.addHalves(scratch, x.fine, block, count / Activations.BLOCK, out, o, stride);
    FloatGemm.add(scratch.minima, x.fine.halfSums, 2 * block, count / 16, out, o, stride);
  }
}
