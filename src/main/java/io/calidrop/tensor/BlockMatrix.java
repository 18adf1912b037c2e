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
   */
  abstract void sums(
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
  final boolean streams() {
    return true;
  }

  @Override
  final void multiplyFew(
      long address, Activations x, int first, int end, float[] out, MatMulScratch scratch) {
    QuantizedActivations input = input(x);
    for (int column = 0; column < columns(); column += MatMulScratch.COLUMNS) {
      int blocks = Math.min(MatMulScratch.COLUMNS, columns() - column) / Activations.BLOCK;
      long run = run(address, column);
      for (int group = first; group < end; group++) {
        int block = group * x.blocks() + column / Activations.BLOCK;
        float[] sums = scratch.blockSums[group];
        sums(run, blocks, input, block, x.tokens(), sums);
      }
      unpackScales(run, blocks, scratch, 0);
      unpackScales(run + VectorShape.BYTES, blocks, scratch, LANES);
      for (int token = first * Activations.GROUP;
          token < Math.min(end * Activations.GROUP, x.tokens());
          token++) {
        int group = token / Activations.GROUP;
        int t = token % Activations.GROUP;
        int block = group * x.blocks() + column / Activations.BLOCK;
        add(
            scratch.blockSums[group],
            t * ROW_BLOCK,
            scratch.scales,
            scratch.minima,
            input.scales,
            input.sums,
            block * Activations.GROUP + t,
            blocks,
            out,
            (token - first * Activations.GROUP) * ROW_BLOCK);
      }
    }
  }

  private static void add(
      float[] sums,
      int s,
      float[] scales,
      float[] minima,
      float[] xScales,
      float[] xSums,
      int x,
      int blocks,
      float[] out,
      int o) {
    FloatVector a = FloatVector.fromArray(F, out, o);
    FloatVector b = FloatVector.fromArray(F, out, o + LANES);
    for (int i = 0; i < blocks; i++) {
      FloatVector d = FloatVector.broadcast(F, xScales[x + 4 * i]);
      FloatVector e = FloatVector.broadcast(F, xSums[x + 4 * i]);
      int at = i * ROW_BLOCK;
      a = FloatVector.fromArray(F, minima, at).fma(e, a);
      b = FloatVector.fromArray(F, minima, at + LANES).fma(e, b);
      a =
          FloatVector.fromArray(F, sums, s + 4 * at)
              .fma(FloatVector.fromArray(F, scales, at).mul(d), a);
      b =
          FloatVector.fromArray(F, sums, s + 4 * at + LANES)
              .fma(FloatVector.fromArray(F, scales, at + LANES).mul(d), b);
    }
    a.intoArray(out, o);
    b.intoArray(out, o + LANES);
  }
}
