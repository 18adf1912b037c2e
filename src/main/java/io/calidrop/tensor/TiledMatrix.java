package io.calidrop.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.VectorSpecies;

/**
 * A matrix repacked into tiles of {@link VectorShape#LANES} rows. The tile of row group {@code r}
 * holds all columns of rows {@code r * LANES ..}, so that a thread reads one sequential stream;
 * rows beyond the last are zero.
 */
abstract class TiledMatrix extends Matrix {
  static final int LANES = VectorShape.LANES;
  static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
  static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
  static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;

  /** Bytes that widen to a whole vector of shorts. */
  static final VectorSpecies<Byte> HALF_BYTES =
      VectorSpecies.of(
          byte.class, jdk.incubator.vector.VectorShape.forBitSize(VectorShape.bits() / 2));

  private final MemorySegment tiles;
  private final long tileBytes;

  /**
   * @param tileBytes bytes of one tile: all columns of {@link #LANES} rows
   */
  TiledMatrix(int rows, int columns, long tileBytes, Arena arena) {
    super(rows, columns);
    this.tileBytes = tileBytes;
    this.tiles = OffHeap.allocate(arena, Math.multiplyExact(tileBytes, 2L * rowBlocks()));
  }

  /** Columns that {@link #unpack} takes at a time. */
  abstract int unpackedColumns();

  /**
   * Repacks one row.
   *
   * @param source holds the row in the file's layout at {@code offset}
   * @param tile that the row belongs to
   * @param lane which row of the tile it is
   */
  abstract void repackRow(MemorySegment source, long offset, MemorySegment tile, int lane);

  /**
   * Multiplies the rows of neighbouring tiles by a single vector.
   *
   * @param address of the first tile
   * @param tiles how many
   * @param out result of the first tile's first row at {@code row}, and so on
   */
  abstract void multiplyVector(long address, int tiles, Activations x, float[] out, int row);

  /**
   * Unpacks columns {@code [column, column + count)} of the tile at {@code address}.
   *
   * @param half which tile of its row block it is, 0 or 1
   */
  abstract void unpack(long address, int column, int count, int half, MatMulScratch scratch);

  /**
   * Adds the product of what was unpacked of a row block and a group of tokens.
   *
   * @param group of {@link Activations#GROUP} tokens
   * @param column the first that was unpacked, and {@code count} how many
   * @param out the first token's result of the block's first row at {@code o}; those of the next
   *     token lie {@code stride} further on
   */
  abstract void multiplyGroup(
      MatMulScratch scratch,
      Activations x,
      int group,
      int column,
      int count,
      float[] out,
      int o,
      int stride);

  /**
   * Repacks row blocks {@code [from, to)}.
   *
   * @param source rows in the file's layout, {@code rowBytes} each, from row {@code first} on
   */
  final void repack(MemorySegment source, int first, long rowBytes, int from, int to) {
    for (int row = from * ROW_BLOCK; row < Math.min(to * ROW_BLOCK, rows()); row++) {
      MemorySegment tile = tiles.asSlice(row / LANES * tileBytes, tileBytes);
      repackRow(source, (row - first) * rowBytes, tile, row % LANES);
    }
  }

  @Override
  public final long residentBytes() {
    return tiles.byteSize();
  }

  @Override
  public final void multiply(
      Activations x, int from, int to, float[] out, int stride, MatMulScratch scratch) {
    if (x.tokens() == 1) {
      multiplyVector(address(2 * from), 2 * (to - from), x, out, from * ROW_BLOCK);
      return;
    }
    for (int token = 0; token < x.groups() * Activations.GROUP; token++) {
      Arrays.fill(out, token * stride + from * ROW_BLOCK, token * stride + to * ROW_BLOCK, 0f);
    }
    int step = unpackedColumns();
    for (int block = from; block < to; block++) {
      scratch.touched += OffHeap.touch(address(2 * block), 2 * tileBytes);
      for (int column = 0; column < columns(); column += step) {
        int count = Math.min(step, columns() - column);
        unpack(address(2 * block), column, count, 0, scratch);
        unpack(address(2 * block + 1), column, count, 1, scratch);
        for (int group = 0; group < x.groups(); group++) {
          int o = group * Activations.GROUP * stride + block * ROW_BLOCK;
          multiplyGroup(scratch, x, group, column, count, out, o, stride);
        }
      }
    }
  }

  final long tileBytes() {
    return tileBytes;
  }

  private long address(int tile) {
    return tiles.address() + tile * tileBytes;
  }
}
