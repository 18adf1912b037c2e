package io.calidrop.tensor;

import static io.calidrop.tensor.VectorShape.F;

import java.lang.foreign.Arena;
import jdk.incubator.vector.FloatVector;

/**
 * A matrix of four- or five-bit weights with a scale, and in some formats a minimum, for each 32
 * columns.
 */
abstract class NibbleMatrix extends TiledMatrix {
  private final int[] bitsAt;
  private final int runBytes;
  private final boolean fifths;
  private final int shifted;

  /**
   * @param bitsAt bytes from the start of 256 columns to the bits of each block: its four ints of
   *     nibbles, before them that of fifth bits where there are such
   * @param runBytes of 256 columns in a tile
   * @param tileBytes of all columns
   * @param shifted whether weights count from 0, not from the middle of their range
   */
  NibbleMatrix(
      int rows,
      int columns,
      int[] bitsAt,
      int runBytes,
      long tileBytes,
      boolean fifths,
      boolean shifted,
      Arena arena) {
    super(rows, columns, tileBytes, arena);
    this.bitsAt = bitsAt;
    this.runBytes = runBytes;
    this.fifths = fifths;
    this.shifted = shifted ? 1 : 0;
  }

  /**
   * Unpacks the scales and minima of blocks of one vector of rows.
   *
   * @param run address of the vector in 256 columns
   * @param blocks how many, at most 8
   * @param o index of the first block's in {@link MatMulScratch#scales} and minima; the next
   *     block's lie {@link Matrix#ROW_BLOCK} further on
   */
  abstract void unpackScales(long run, int blocks, MatMulScratch scratch, int o);

  private QuantizedActivations input(Activations x) {
    return fifths ? x.bytes : x.fine;
  }

  @Override
  final int unpackedColumns() {
    return MatMulScratch.COLUMNS;
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
      long run = address + column / MatMulScratch.COLUMNS * (long) runBytes;
      for (int group = first; group < end; group++) {
        int block = group * x.blocks() + column / Activations.BLOCK;
        float[] sums = scratch.blockSums[group];
        if (fifths) {
          FifthSums.multiply(run, bitsAt, blocks, input, x.tokens(), shifted, block, sums);
        } else {
          NibbleSums.multiply(run, bitsAt, blocks, input, x.tokens(), shifted, block, sums);
        }
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

  @Override
  void unpack(long address, int column, int count, int half, MatMulScratch scratch) {
    long run = address + column / MatMulScratch.COLUMNS * (long) runBytes;
    int blocks = count / Activations.BLOCK;
    for (int i = 0; i < blocks; i++) {
      int o = i * 8 * ROW_BLOCK + half * LANES;
      if (fifths) {
        Bytes.fifths(run + bitsAt[i], scratch.bytes, o);
      } else {
        Bytes.nibbles(run + bitsAt[i], scratch.bytes, o);
      }
    }
    unpackScales(run, blocks, scratch, half * LANES);
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
    ShortGemm.add(scratch, input(x), shifted, block, count / Activations.BLOCK, out, o, stride);
  }
}
