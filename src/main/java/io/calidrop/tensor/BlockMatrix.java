package io.calidrop.tensor;

import static io.calidrop.tensor.VectorShape.F;

import java.lang.foreign.Arena;
import jdk.incubator.vector.FloatVector;

/**
 * A matrix whose weights have a scale, and in some formats a minimum, for each 32 columns: products
 * of a few tokens are sums of blocks first, in kernels of a form of weights, then scaled, which the
 * formats share.
 */
abstract class BlockMatrix extends TiledMatrix {
  private final int runBytes;

  /**
   * @param runBytes of 256 columns in a tile
   * @param tileBytes of all columns
   */
  BlockMatrix(int rows, int columns, int runBytes, long tileBytes, Arena arena) {
    super(rows, columns, tileBytes, arena);
    this.runBytes = runBytes;
  }

  /** The form of the input that these weights multiply by. */
  abstract QuantizedActivations input(Activations x);

  /**
   * Sums of the products of blocks, at most 8, with a group of tokens.
   *
   * @param run address of the first block
   * @param block index of the group's first block in the packed activations
   * @param tokens of the batch
   * @param sums [blocks][4][rows], overwritten
   * @return what to keep, lest the compiler leave out reading it
   */
  abstract int sums(
      long run, int blocks, QuantizedActivations x, int block, int tokens, float[] sums);

  /**
   * Unpacks the scales and minima of blocks of one vector of rows.
   *
   * @param run address of the vector in 256 columns
   * @param blocks how many, at most 8
   * @param o index of the first block's in {@link MatMulScratch#scales} and minima; the next
   *     block's lie {@link Matrix#ROW_BLOCK} further on
   */
  abstract void unpackScales(long run, int blocks, MatMulScratch scratch, int o);

  /** Address of the 256 columns that begin with {@code column}. */
  final long run(long address, int column) {
    return address + column / MatMulScratch.COLUMNS * (long) runBytes;
  }

  @Override
  int streamed() {
    return Activations.GROUP;
  }

  @Override
  final void multiplyFew(
      long address, Activations x, int first, int end, float[] out, MatMulScratch scratch) {
    QuantizedActivations input = input(x);
    for (int column = 0; column < columns(); column += MatMulScratch.COLUMNS) {
      int blocks = Math.min(MatMulScratch.COLUMNS, columns() - column) / Activations.BLOCK;
      int block = column / Activations.BLOCK;
      long run = run(address, column);
      scratch.touched += sums(run, blocks, input, block, x.tokens(), scratch.blockSums);
      unpackScales(run, blocks, scratch, 0);
      unpackScales(run + VectorShape.BYTES, blocks, scratch, LANES);
      for (int t = 0; t < x.tokens(); t++) {
        add(scratch, input, block * Activations.GROUP + t, t * ROW_BLOCK, blocks, out);
      }
    }
  }

  private static void add(
      MatMulScratch scratch, QuantizedActivations x, int block, int o, int blocks, float[] out) {
    add(scratch.blockSums, scratch.scales, scratch.minima, x.scales, x.sums, block, blocks, out, o);
  }

  private static void add(
      float[] sums,
      float[] scales,
      float[] minima,
      float[] xScales,
      float[] xSums,
      int block,
      int blocks,
      float[] out,
      int o) {
    FloatVector a = FloatVector.fromArray(F, out, o);
    FloatVector b = FloatVector.fromArray(F, out, o + LANES);
    for (int i = 0; i < blocks; i++) {
      FloatVector d = FloatVector.broadcast(F, xScales[block + 4 * i]);
      FloatVector e = FloatVector.broadcast(F, xSums[block + 4 * i]);
      int at = i * ROW_BLOCK;
      a = FloatVector.fromArray(F, minima, at).fma(e, a);
      b = FloatVector.fromArray(F, minima, at + LANES).fma(e, b);
      a =
          FloatVector.fromArray(F, sums, o + 4 * at)
              .fma(FloatVector.fromArray(F, scales, at).mul(d), a);
      b =
          FloatVector.fromArray(F, sums, o + 4 * at + LANES)
              .fma(FloatVector.fromArray(F, scales, at + LANES).mul(d), b);
    }
    a.intoArray(out, o);
    b.intoArray(out, o + LANES);
  }
}
