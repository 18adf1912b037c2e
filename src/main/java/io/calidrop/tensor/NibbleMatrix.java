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
  public final int forms(int tokens) {
    if (tokens > streamed()) {
      return fifths ? Activations.BOUNDED_SHORTS : Activations.FINE_SHORTS;
    }
    if (fifths) {
      return Activations.BOUNDED_PAIRS;
    }
    return tokens == 1 ? Activations.NIBBLE_CHAINS : Activations.FINE_PAIRS;
  }

  @Override
  final int tilesTogether() {
    return 2;
  }

  @Override
  final int unpackedColumns() {
    return MatMulScratch.COLUMNS;
  }

  @Override
  final void unpack(long address, int column, int count, int half, MatMulScratch scratch) {
    long run = run(address, column);
    int blocks = count / Activations.BLOCK;
    for (int i = 0; i < blocks; i++) {
      int o = (2 * Activations.BLOCK * i + half) * ROW_BLOCK;
      if (fifths) {
        Shorts.fifths(run + bitsAt[i], scratch.shorts, o);
      } else {
        Shorts.nibbles(run + bitsAt[i], scratch.shorts, o);
      }
    }
    int o = half * MatMulScratch.TILE_SCALES;
    unpackScales(run, blocks, scratch, o);
    unpackScales(run + VectorShape.BYTES, blocks, scratch, o + LANES);
  }

  @Override
  final void multiplyGroup(
      MatMulScratch scratch, Activations x, int group, int column, int count, float[] out, int o) {
    int block = group * x.blocks() + column / Activations.BLOCK;
    if (shifted == 0) {
      NibbleGemm.add(scratch, input(x), block, count / Activations.BLOCK, out, o);
    } else {
      ShiftedGemm.add(scratch, input(x), block, count / Activations.BLOCK, out, o);
    }
  }
}
