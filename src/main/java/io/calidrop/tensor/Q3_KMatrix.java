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
 * Q3_K weights: {@code w = d * scale * (q - 4)}, q in 0..7, with a signed scale for each 16
 * columns.
 *
 * <p>A super-block of 256 columns is 110 bytes in the file. In a tile it is [29][lanes] ints: d as
 * float32, 16 scales in four, then for each of 8 blocks of 32 columns one of third bits and two of
 * low bit pairs, see {@link PairBits}. Halves of a block as in {@link Q6_KMatrix}.
 */
final class Q3_KMatrix extends TiledMatrix {
  private static final int COLUMNS = 256;
  private static final int FILE_BYTES = 110;
  private static final int INTS = 29;
  private static final int[] MASKS = {0x00030003, 0x00040004};

  Q3_KMatrix(int rows, int columns, Arena arena) {
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
        q[i] = (byte) SuperBlocks.q3Quant(source, offset, i);
      }
      float d = Float.float16ToFloat(source.get(SHORT, offset + 108));
      tile.set(INT, to, Float.floatToRawIntBits(d));
      to += VectorShape.BYTES;
      for (int i = 0; i < 16; i += 4, to += VectorShape.BYTES) {
        int scales = 0;
        for (int j = 0; j < 4; j++) {
          scales |= (SuperBlocks.q3Scale(source, offset + 96, i + j) - 32 & 0xff) << 8 * j;
        }
        tile.set(INT, to, scales);
      }
      for (int b = 0; b < COLUMNS; b += Activations.BLOCK) {
        tile.set(INT, to, PairBits.pack(q, b, 0, 2, 1));
        to += VectorShape.BYTES;
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

  /* Lanes as in Q6_K; the sums start from -4 times the sum of the activations. */
  private static void dot(
      long p, int tiles, int superBlocks, QuantizedActivations input, float[] out, int row) {
    int[] x = input.pairs;
    int[] halves = input.halves;
    float[] scales = input.scales;
    IntVector lows = IntVector.broadcast(I, MASKS[0]);
    IntVector thirds = IntVector.broadcast(I, MASKS[1]);
    for (int tile = 0; tile < tiles; tile++) {
      FloatVector acc = FloatVector.zero(F);
      for (int b = 0; b < 8 * superBlocks; b += 8) {
        FloatVector d =
            IntVector.fromMemorySegment(I, MEMORY, p, LITTLE_ENDIAN).reinterpretAsFloats();
        long q = p + 5 * VectorShape.BYTES;
        for (int i = 0; i < 8; i++) {
          ShortVector first =
              IntVector.broadcast(I, halves[2 * (b + i)]).reinterpretAsShorts().mul((short) -4);
          ShortVector second =
              IntVector.broadcast(I, halves[2 * (b + i) + 1]).reinterpretAsShorts().mul((short) -4);
          for (int j = 0; j < 4; j++) {
            int k = (b + i) * 16 + 4 * j;
            IntVector h =
                IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN).lanewise(LSHR, 4 * j);
            IntVector w =
                IntVector.fromMemorySegment(
                        I, MEMORY, q + (1 + (j >> 1)) * VectorShape.BYTES, LITTLE_ENDIAN)
                    .lanewise(LSHR, 8 * (j & 1));
            ShortVector x0 = IntVector.broadcast(I, x[k]).reinterpretAsShorts();
            ShortVector x1 = IntVector.broadcast(I, x[k + 1]).reinterpretAsShorts();
            ShortVector x2 = IntVector.broadcast(I, x[k + 2]).reinterpretAsShorts();
            ShortVector x3 = IntVector.broadcast(I, x[k + 3]).reinterpretAsShorts();
            IntVector w0 = w.and(lows).or(h.lanewise(LSHL, 2).and(thirds));
            IntVector w1 = w.lanewise(LSHR, 2).and(lows).or(h.lanewise(LSHL, 1).and(thirds));
            IntVector w2 = w.lanewise(LSHR, 4).and(lows).or(h.and(thirds));
            IntVector w3 = w.lanewise(LSHR, 6).and(lows).or(h.lanewise(LSHR, 1).and(thirds));
            first = first.add(w0.reinterpretAsShorts().mul(x0));
            second = second.add(w1.reinterpretAsShorts().mul(x1));
            first = first.add(w2.reinterpretAsShorts().mul(x2));
            second = second.add(w3.reinterpretAsShorts().mul(x3));
          }
          q += 3 * VectorShape.BYTES;
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
    IntVector lows = IntVector.broadcast(I, MASKS[0]);
    IntVector thirds = IntVector.broadcast(I, MASKS[1]);
    Q6_KMatrix.unpackScales(p, half, scales);
    int o = 2 * half;
    for (int i = 0; i < 8; i++) {
      long q = p + (5 + 3 * i) * VectorShape.BYTES;
      for (int k = 0; k < 16; k++) {
        IntVector h = IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN).lanewise(LSHR, k);
        IntVector.fromMemorySegment(
                I, MEMORY, q + (1 + (k >> 3)) * VectorShape.BYTES, LITTLE_ENDIAN)
            .lanewise(LSHR, 2 * (k & 7))
            .and(lows)
            .or(h.lanewise(LSHL, 2).and(thirds))
            .reinterpretAsShorts()
            .sub((short) 4)
            .intoArray(w, o);
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
  }
}
