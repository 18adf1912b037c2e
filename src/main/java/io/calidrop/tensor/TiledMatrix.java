package io.calidrop.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.util.Arrays;
import java.util.Objects;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;

/**
 * A matrix repacked into tiles of {@link Matrix#ROW_BLOCK} rows, all columns of them; rows beyond
 * the last are zero. A number of a tile, whatever its format, is two vectors side by side, one lane
 * a row, so that a broadcast activation serves two products.
 *
 * <p>Kernels read a tile strictly upwards: what they need late lies late. A step back of a few
 * cache lines stops the processor from fetching ahead, which halves the speed.
 */
abstract class TiledMatrix extends Matrix {
  static final int LANES = VectorShape.LANES;

  /** Bytes from an int of a row to the next one. */
  static final int STEP = ROW_BLOCK * Integer.BYTES;

  /**
   * Tiles that most formats multiply by a single vector in turn, a block of each. The processor
   * fetches ahead in each of several rows of addresses, and so more at a time than in one, as long
   * as they take turns after some 500 bytes at most.
   */
  static final int STREAMS = 4;

  static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
  static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
  static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;

  private final MemorySegment tiles;
  private final long tileBytes;

  /**
   * @param tileBytes bytes of one tile
   */
  TiledMatrix(int rows, int columns, long tileBytes, Arena arena) {
    super(rows, columns);
    this.tileBytes = tileBytes;
    this.tiles = OffHeap.allocate(arena, Math.multiplyExact(tileBytes, (long) rowBlocks()));
  }

  /** Tiles that are unpacked and multiplied together, 1 or 2. */
  int tilesTogether() {
    return 1;
  }

  /**
   * Where the parts of a super-block lie in a tile. An array, because C2 inlines no method of ours
   * any more when a kernel has more nodes than it likes, and a call leaves vectors boxed.
   *
   * @param ints of a row before part i of eight
   * @return bytes from the start of the tile to each part
   */
  static int[] offsets(IntUnaryOperator ints) {
    return offsets(8, ints);
  }

  /** As {@link #offsets(IntUnaryOperator)}, of {@code parts} parts. */
  static int[] offsets(int parts, IntUnaryOperator ints) {
    return IntStream.range(0, parts).map(ints).map(count -> count * STEP).toArray();
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
   * @param tiles how many, at most {@link #STREAMS}
   * @param out zeros, replaced by the products; the first tile's first row at {@code row}, and so
   *     on
   */
  abstract void multiplyVector(long address, int tiles, Activations x, float[] out, int row);

  /** Most tokens that {@link #multiplyFew} is for, 1 where the format lacks it. */
  int streamed() {
    return 1;
  }

  /**
   * Multiplies a tile by at most {@link #streamed} tokens straight from it: a small batch waits for
   * memory, and least where loads keep coming between the products.
   *
   * @param address of the tile
   * @param first group of tokens, and {@code end} the one behind the last
   * @param out zeros, to which products [tokens][rows] are added
   */
  void multiplyFew(
      long address, Activations x, int first, int end, float[] out, MatMulScratch scratch) {
    throw new UnsupportedOperationException();
  }

  /**
   * Unpacks columns {@code [column, column + count)} of half of the rows that are multiplied
   * together: of half of a tile, or of one of two tiles.
   *
   * @param address of the first vector of those rows
   * @param half which half it is, 0 or 1
   */
  abstract void unpack(long address, int column, int count, int half, MatMulScratch scratch);

  /**
   * Adds the product of what was unpacked and a group of tokens.
   *
   * @param group of {@link Activations#GROUP} tokens
   * @param column the first that was unpacked, and {@code count} how many
   * @param out the first token's result of the block's first row at {@code o}; those of the next
   *     token lie as many rows further on as are multiplied together
   */
  abstract void multiplyGroup(
      MatMulScratch scratch, Activations x, int group, int column, int count, float[] out, int o);

  /**
   * Repacks row blocks {@code [from, to)}.
   *
   * @param source native rows in the file's layout, {@code rowBytes} each, from row {@code first}
   *     on
   */
  final void repack(MemorySegment source, int first, long rowBytes, int from, int to) {
    int end = Math.min(to * ROW_BLOCK, rows());
    Objects.checkFromToIndex(
        (from * ROW_BLOCK - first) * rowBytes, (end - first) * rowBytes, source.byteSize());
    // Through one kind of segment, mapped or not, since C2 compiles a loop anew for each.
    long address = source.address();
    for (int row = from * ROW_BLOCK; row < end; row++) {
      MemorySegment tile = tiles.asSlice(row / ROW_BLOCK * tileBytes, tileBytes);
      repackRow(OffHeap.MEMORY, address + (row - first) * rowBytes, tile, row % ROW_BLOCK);
    }
    Reference.reachabilityFence(source);
  }

  @Override
  final int blocksTogether(int tokens) {
    return tokens <= streamed() ? 1 : tilesTogether();
  }

  @Override
  public final long residentBytes() {
    return tiles.byteSize();
  }

  @Override
  public final void multiply(
      Activations x,
      int from,
      int to,
      int first,
      int end,
      float[] out,
      int stride,
      MatMulScratch scratch) {
    if (x.tokens() == 1) {
      multiplyVector(x, from, to, out);
      return;
    }
    int step = unpackedColumns();
    int together = blocksTogether(x.tokens());
    int width = together * ROW_BLOCK;
    int products = (end - first) * Activations.GROUP * width;
    float[] sums = scratch.sums(products);
    boolean few = x.tokens() <= streamed();
    for (int block = from; block < to; block += together) {
      int last = Math.min(block + together, to) - 1;
      Arrays.fill(sums, 0, products, 0f);
      if (few) {
        multiplyFew(address(block), x, first, end, sums, scratch);
      } else {
        scratch.touched += OffHeap.touch(address(block), (last + 1 - block) * tileBytes);
        long second = together == 1 ? address(block) + VectorShape.BYTES : address(last);
        for (int column = 0; column < columns(); column += step) {
          int count = Math.min(step, columns() - column);
          unpack(address(block), column, count, 0, scratch);
          unpack(second, column, count, 1, scratch);
          for (int group = first; group < end; group++) {
            int o = (group - first) * Activations.GROUP * width;
            multiplyGroup(scratch, x, group, column, count, sums, o);
          }
        }
      }
      int rows = (last + 1 - block) * ROW_BLOCK;
      int firstToken = first * Activations.GROUP;
      int endToken = Math.min(end * Activations.GROUP, x.tokens());
      for (int token = firstToken; token < endToken; token++) {
        int o = token * stride + block * ROW_BLOCK;
        System.arraycopy(sums, (token - firstToken) * width, out, o, rows);
      }
    }
  }

  private void multiplyVector(Activations x, int from, int to, float[] out) {
    Arrays.fill(out, from * ROW_BLOCK, to * ROW_BLOCK, 0f);
    int turns = Math.ceilDiv(to - from, STREAMS);
    for (int i = 0; i < turns; i++) {
      int tile = from + (to - from) * i / turns;
      int end = from + (to - from) * (i + 1) / turns;
      multiplyVector(address(tile), end - tile, x, out, tile * ROW_BLOCK);
    }
  }

  private long address(int tile) {
    return tiles.address() + tile * tileBytes;
  }
}
