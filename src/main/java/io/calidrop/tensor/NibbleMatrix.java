package io.calidrop.tensor;

import java.lang.foreign.Arena;

/**
 * A matrix of four- or five-bit weights with a scale, and in some formats a minimum, for each 32
 * columns.
 */
abstract class NibbleMatrix extends BlockMatrix {
  private final int[] bitsAt;
  private final boolean fifths;
  private final int shifted;

  /**
   * @param bitsAt bytes from the start of 256 columns to the bits of each block: its four ints of
   *     nibbles, or its five ints of fields
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
    super(rows, columns, runBytes, tileBytes, arena);
    this.bitsAt = bitsAt;
    this.fifths = fifths;
    this.shifted = shifted ? 1 : 0;
  }

  @Override
  final int streamed() {
    return fifths ? 2 : Activations.GROUP; // of four tokens fifth bits cost more than a buffer
  }

  @Override
  final QuantizedActivations input(Activations x) {
    return fifths ? x.bounded : x.fine;
  }

  @Override
  final int sums(
      long run, int blocks, QuantizedActivations x, int block, int tokens, float[] sums) {
    if (fifths) {
      return FifthSums.multiply(run, bitsAt, blocks, x, shifted, block, sums);
    } else {
      return NibbleSums.multiply(run, bitsAt, blocks, x, tokens, shifted, block, sums);
    }
  }

  @Override
  final int unpackedColumns() {
    return MatMulScratch.COLUMNS;
  }

  @Override
  void unpack(long address, int column, int count, int half, MatMulScratch scratch) {
    long run = run(address, column);
    int blocks = count / Activations.BLOCK;
    for (int i = 0; i < blocks; i++) {
      int o = i * 8 * ROW_BLOCK + half * LANES;
      if (fifths) {
        Bytes.fifths(run + bitsAt[i], scratch.bytes, o);
      } else {
        Bytes.nibbles(run + bitsAt[i], scratch.bytes, o);
      }
    }
    Bytes.pairs(scratch, blocks, half);
    unpackScales(run, blocks, scratch, half * LANES);
  }

  @Override
  void multiplyGroup(
      MatMulScratch scratch, Activations x, int group, int column, int count, float[] out, int o) {
    int block = group * x.blocks() + column / Activations.BLOCK;
    ShortGemm.add(scratch, input(x), shifted, block, count / Activations.BLOCK, out, o);
  }
}
