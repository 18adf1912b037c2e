package io.calidrop.tensor;

import static io.calidrop.tensor.OffHeap.MEMORY;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * IQ4_NL weights, {@code w = d * VALUES[q]}, and IQ4_XS weights, {@code w = d * scale * VALUES[q]}
 * with a scale for each 32 columns; q in 0..15, see {@link NonLinearBlocks#VALUES}.
 *
 * <p>A run of columns under one d is a block of 32 (18 bytes in the file) or a super-block of 256
 * (136 bytes). In a tile it is [5][rows] or [35][rows] ints: for each block of 32 columns four of
 * nibbles; after the first block d as float32; in IQ4_XS four scales after d and after the fifth
 * block. How values are looked up depends on the vectors that there are.
 */
abstract sealed class IQ4Matrix extends BlockMatrix permits WholeTableMatrix, HalfTableMatrix {
  /** Where d is in a run. */
  static final int D = 4 * STEP;

  /** Where the nibbles of block {@code i} of a run begin. */
  static final int[] NIBBLES_AT = offsets(i -> 4 * i + (i + 7 >> 3) + (i + 3 >> 2));

  /** Where the nibbles of block {@code i} begin in IQ4_NL. */
  private static final int[] SINGLE_AT = offsets(i -> 5 * i);

  /** Where the scales of block {@code i} of a run are. */
  static final int[] SCALES_AT = offsets(i -> 5 + 17 * (i >> 2));

  private final boolean scaled;
  private final int runBlocks;
  private final int runBytes;
  private final int few;

  /**
   * @param scaled whether the format is IQ4_XS
   * @param few form of the activations that a few tokens need
   */
  IQ4Matrix(boolean scaled, int rows, int columns, int few, Arena arena) {
    int runBlocks = scaled ? 8 : 1;
    int runBytes = runBytes(runBlocks);
    long bytes = (long) columns / Activations.BLOCK / runBlocks * runBytes;
    super(rows, columns, 8 / runBlocks * runBytes, bytes, arena);
    this.scaled = scaled;
    this.runBlocks = runBlocks;
    this.runBytes = runBytes;
    this.few = few;
  }

  /**
   * @param scaled whether the format is IQ4_XS
   */
  static IQ4Matrix of(boolean scaled, int rows, int columns, Arena arena) {
    return VectorShape.bits() == 256
        ? new HalfTableMatrix(scaled, rows, columns, arena)
        : new WholeTableMatrix(scaled, rows, columns, arena);
  }

  /** Bytes of a run in a tile. */
  static int runBytes(int runBlocks) {
    return (runBlocks == 1 ? 5 : 35) * STEP;
  }

  /**
   * Writes eight nibbles of a row.
   *
   * @param nibbles see {@link PairBits}
   * @param at bytes from the start of the tile to such ints of all rows
   * @param lane the row
   */
  abstract void store(int nibbles, MemorySegment tile, long at, int lane);

  /**
   * Products of tiles and one vector.
   *
   * @param blocks of a run
   */
  abstract void dot(
      long address, int tiles, int runs, int blocks, QuantizedActivations x, float[] out, int row);

  /**
   * Sums of the products of blocks with two tokens, see {@link TableSums#two}.
   *
   * @param at bytes from the first block to each of them
   */
  abstract void two(
      long run, int[] at, int blocks, QuantizedActivations x, int block, int t, float[] sums);

  /**
   * Weights of a vector of rows as floats, [columns][2][lanes].
   *
   * @param address of 32 columns
   * @param o index of the first one's weight of the first row
   */
  abstract void unpack(long address, float[] w, int o);

  @Override
  public int forms(int tokens) {
    return tokens <= streamed() ? few : Activations.INTEGERS;
  }

  @Override
  int unpackedColumns() {
    return scaled ? 256 : FloatGemm.COLUMNS;
  }

  @Override
  void repackRow(MemorySegment source, long offset, MemorySegment tile, int lane) {
    byte[] q = new byte[Activations.BLOCK];
    for (int run = 0; run < columns() / Activations.BLOCK / runBlocks; run++) {
      long to = (long) run * runBytes + lane * 4L;
      float d = Float.float16ToFloat(source.get(SHORT, offset));
      tile.set(INT, to + D, Float.floatToRawIntBits(d));
      if (scaled) {
        for (int b = 0; b < runBlocks; b += 4) {
          int scales = 0;
          for (int i = 0; i < 4; i++) {
            scales |= (NonLinearBlocks.scale(source, offset, b + i) & 0xff) << 8 * i;
          }
          tile.set(INT, to + SCALES_AT[b], scales);
        }
      }
      offset += scaled ? 8 : 2;
      for (int b = 0; b < runBlocks; b++, offset += 16) {
        for (int i = 0; i < q.length; i++) {
          q[i] = (byte) NonLinearBlocks.quant(source, offset, i);
        }
        for (int k = 0; k < 4; k++) {
          int nibbles = PairBits.pack(q, 0, 4 * k, 0, 4);
          long at = (long) run * runBytes + NIBBLES_AT[b] + k * STEP;
          store(nibbles, tile, at, lane);
        }
      }
    }
  }

  @Override
  void multiplyVector(long address, int tiles, Activations x, float[] out, int row) {
    dot(address, tiles, columns() / Activations.BLOCK / runBlocks, runBlocks, x.bytes, out, row);
  }

  @Override
  QuantizedActivations input(Activations x) {
    return x.bytes;
  }

  @Override
  int sums(long run, int blocks, QuantizedActivations x, int block, int tokens, float[] sums) {
    for (int t = 0; t < tokens; t += 2) {
      two(run, scaled ? NIBBLES_AT : SINGLE_AT, blocks, x, block, t, sums);
    }
    return 0;
  }

  @Override
  void unpackScales(long run, int blocks, MatMulScratch scratch, int o) {
    for (int i = 0; i < blocks; i++) {
      FloatVector d =
          (FloatVector)
              IntVector.fromMemorySegment(
                      I, MEMORY, run + (scaled ? 0 : SINGLE_AT[i]) + D, LITTLE_ENDIAN)
                  .reinterpretShape(F, 0);
      if (scaled) {
        d =
            d.mul(
                IntVector.fromMemorySegment(I, MEMORY, run + SCALES_AT[i], LITTLE_ENDIAN)
                    .lanewise(LSHL, 24 - 8 * (i & 3))
                    .lanewise(ASHR, 24)
                    .convertShape(I2F, F, 0));
      }
      d.intoArray(scratch.scales, o + i * ROW_BLOCK);
      FloatVector.zero(F).intoArray(scratch.minima, o + i * ROW_BLOCK);
    }
  }

  @Override
  void unpack(long address, int column, int count, int half, MatMulScratch scratch) {
    long p = address + (long) column / Activations.BLOCK / runBlocks * runBytes;
    int blocks = count / Activations.BLOCK;
    int[] at = scaled ? NIBBLES_AT : SINGLE_AT;
    for (int i = 0; i < blocks; i++) {
      unpack(p + at[i], scratch.floats, i * Activations.BLOCK * ROW_BLOCK + half * LANES);
    }
    unpackScales(p, blocks, scratch, half * LANES);
  }

  @Override
  void multiplyGroup(
      MatMulScratch scratch, Activations x, int group, int column, int count, float[] out, int o) {
    int block = group * x.blocks() + column / Activations.BLOCK;
    FloatGemm.addBlocks(scratch, x.bytes, block, count / Activations.BLOCK, out, o);
  }
}
