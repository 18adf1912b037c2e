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
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * IQ4_NL weights, {@code w = d * VALUES[q]}, and IQ4_XS weights, {@code w = d * scale * VALUES[q]}
 * with a scale for each 32 columns; q in 0..15, see {@link NonLinearBlocks#VALUES}.
 *
 * <p>A run of columns under one d is a block of 32 (18 bytes in the file) or a super-block of 256
 * (136 bytes). In a tile it is [5][lanes] or [35][lanes] ints: d as float32, in IQ4_XS eight scales
 * in two, then for each block of 32 columns four of nibbles, see {@link PairBits}.
 */
final class IQ4Matrix extends TiledMatrix {
  private static final VectorSpecies<Byte> B = ByteVector.SPECIES_PREFERRED;

  /** What the table is shifted by, so that its values are unsigned bytes. */
  private static final short CENTER = 128;

  private static final byte[] TABLE = new byte[B.length()];
  private static final int[] MASKS = {0x0f0f0f0f, 0x00ff00ff};

  static {
    for (int i = 0; i < TABLE.length; i++) {
      TABLE[i] = (byte) (NonLinearBlocks.VALUES[i % 16] + CENTER);
    }
  }

  private final boolean scaled;
  private final int runBlocks;
  private final int runBytes;

  /**
   * @param scaled whether the format is IQ4_XS
   */
  IQ4Matrix(boolean scaled, int rows, int columns, Arena arena) {
    int runBlocks = scaled ? 8 : 1;
    int runBytes = (scaled ? 35 : 5) * VectorShape.BYTES;
    super(rows, columns, (long) columns / Activations.BLOCK / runBlocks * runBytes, arena);
    this.scaled = scaled;
    this.runBlocks = runBlocks;
    this.runBytes = runBytes;
  }

  @Override
  public int forms(int tokens) {
    return tokens == 1 ? Activations.PAIRS : Activations.INTEGERS;
  }

  @Override
  int unpackedColumns() {
    return scaled ? 256 : FloatGemm.COLUMNS;
  }

  @Override
  void repackRow(MemorySegment source, long offset, MemorySegment tile, int lane) {
    byte[] q = new byte[Activations.BLOCK];
    long to = lane * 4L;
    for (int run = 0; run < columns() / Activations.BLOCK / runBlocks; run++) {
      float d = Float.float16ToFloat(source.get(SHORT, offset));
      tile.set(INT, to, Float.floatToRawIntBits(d));
      to += VectorShape.BYTES;
      if (scaled) {
        for (int b = 0; b < runBlocks; b += 4, to += VectorShape.BYTES) {
          int scales = 0;
          for (int i = 0; i < 4; i++) {
            scales |= (NonLinearBlocks.scale(source, offset, b + i) & 0xff) << 8 * i;
          }
          tile.set(INT, to, scales);
        }
      }
      offset += scaled ? 8 : 2;
      for (int b = 0; b < runBlocks; b++, offset += 16) {
        for (int i = 0; i < q.length; i++) {
          q[i] = (byte) NonLinearBlocks.quant(source, offset, i);
        }
        for (int k = 0; k < 16; k += 4, to += VectorShape.BYTES) {
          tile.set(INT, to, PairBits.pack(q, 0, k, 0, 4));
        }
      }
    }
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    int runs = columns() / Activations.BLOCK / runBlocks;
    dot(address, tiles, runs, runBlocks, x.bytes.pairs, x.bytes.scales, out, row);
  }

  /* Two products of bytes fit a short lane, so each two pairs of columns are widened once, as in Q8_0. */
  private static void dot(
      long p, int tiles, int runs, int runBlocks, int[] x, float[] scales, float[] out, int row) {
    ByteVector table = ByteVector.fromArray(B, TABLE, 0);
    IntVector nibbles = IntVector.broadcast(I, MASKS[0]);
    IntVector bytes = IntVector.broadcast(I, MASKS[1]);
    for (int tile = 0; tile < tiles; tile++) {
      FloatVector acc = FloatVector.zero(F);
      for (int run = 0; run < runs; run++) {
        FloatVector d =
            IntVector.fromMemorySegment(I, MEMORY, p, LITTLE_ENDIAN).reinterpretAsFloats();
        long q = p + (runBlocks == 1 ? 1 : 3) * VectorShape.BYTES;
        for (int i = 0; i < runBlocks; i++) {
          int b = run * runBlocks + i;
          IntVector low = IntVector.zero(I);
          IntVector high = low;
          for (int k = b * 16; k < b * 16 + 16; k += 4) {
            IntVector w = IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN);
            q += VectorShape.BYTES;
            IntVector v02 =
                w.and(nibbles).reinterpretAsBytes().selectFrom(table).reinterpretAsInts();
            IntVector v13 =
                w.lanewise(LSHR, 4)
                    .and(nibbles)
                    .reinterpretAsBytes()
                    .selectFrom(table)
                    .reinterpretAsInts();
            ShortVector w0 = v02.and(bytes).reinterpretAsShorts().sub(CENTER);
            ShortVector w1 = v13.and(bytes).reinterpretAsShorts().sub(CENTER);
            ShortVector w2 = v02.lanewise(LSHR, 8).and(bytes).reinterpretAsShorts().sub(CENTER);
            ShortVector w3 = v13.lanewise(LSHR, 8).and(bytes).reinterpretAsShorts().sub(CENTER);
            ShortVector x0 = IntVector.broadcast(I, x[k]).reinterpretAsShorts();
            ShortVector x1 = IntVector.broadcast(I, x[k + 1]).reinterpretAsShorts();
            ShortVector x2 = IntVector.broadcast(I, x[k + 2]).reinterpretAsShorts();
            ShortVector x3 = IntVector.broadcast(I, x[k + 3]).reinterpretAsShorts();
            IntVector s = w0.mul(x0).add(w1.mul(x1)).reinterpretAsInts();
            low = low.add(s.lanewise(LSHL, 16).lanewise(ASHR, 16));
            high = high.add(s.lanewise(ASHR, 16));
            s = w2.mul(x2).add(w3.mul(x3)).reinterpretAsInts();
            low = low.add(s.lanewise(LSHL, 16).lanewise(ASHR, 16));
            high = high.add(s.lanewise(ASHR, 16));
          }
          FloatVector scale = d;
          if (runBlocks > 1) {
            scale =
                d.mul(
                    IntVector.fromMemorySegment(
                            I, MEMORY, p + (1 + (i >> 2)) * VectorShape.BYTES, LITTLE_ENDIAN)
                        .lanewise(LSHR, 8 * (i & 3))
                        .lanewise(LSHL, 24)
                        .lanewise(ASHR, 24)
                        .convert(I2F, 0));
          }
          acc = ((FloatVector) low.add(high).convert(I2F, 0)).fma(scale.mul(scales[b]), acc);
        }
        p = q;
      }
      acc.intoArray(out, row + tile * LANES);
    }
  }

  @Override
  void unpack(long address, int column, int count, int half, MatMulScratch scratch) {
    int run = column / Activations.BLOCK / runBlocks;
    int runs = count / Activations.BLOCK / runBlocks;
    long p = address + (long) run * runBytes;
    unpack(p, runs, runBlocks, half * LANES, scratch.floats, scratch.scales);
  }

  private static void unpack(long p, int runs, int runBlocks, int half, float[] w, float[] scales) {
    ByteVector table = ByteVector.fromArray(B, TABLE, 0);
    IntVector nibbles = IntVector.broadcast(I, MASKS[0]);
    for (int run = 0; run < runs; run++) {
      FloatVector d =
          IntVector.fromMemorySegment(I, MEMORY, p, LITTLE_ENDIAN).reinterpretAsFloats();
      long q = p + (runBlocks == 1 ? 1 : 3) * VectorShape.BYTES;
      for (int i = 0; i < runBlocks; i++) {
        int b = run * runBlocks + i;
        FloatVector scale = d;
        if (runBlocks > 1) {
          scale =
              d.mul(
                  IntVector.fromMemorySegment(
                          I, MEMORY, p + (1 + (i >> 2)) * VectorShape.BYTES, LITTLE_ENDIAN)
                      .lanewise(LSHR, 8 * (i & 3))
                      .lanewise(LSHL, 24)
                      .lanewise(ASHR, 24)
                      .convert(I2F, 0));
        }
        scale.intoArray(scales, b * ROW_BLOCK + half);
        for (int k = 0; k < 16; k++) {
          IntVector index =
              IntVector.fromMemorySegment(
                      I, MEMORY, q + (k >> 2) * VectorShape.BYTES, LITTLE_ENDIAN)
                  .lanewise(LSHR, 4 * (k & 3))
                  .and(nibbles);
          IntVector v = index.reinterpretAsBytes().selectFrom(table).reinterpretAsInts();
          int column = b * Activations.BLOCK + (k & ~3) + QuantizedActivations.PAIR_COLUMNS[k & 3];
          ((FloatVector) v.and(0xff).sub(CENTER).convert(I2F, 0))
              .intoArray(w, column * ROW_BLOCK + half);
          ((FloatVector) v.lanewise(LSHR, 16).and(0xff).sub(CENTER).convert(I2F, 0))
              .intoArray(w, (column + 2) * ROW_BLOCK + half);
        }
        q += 4 * VectorShape.BYTES;
      }
      p = q;
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
