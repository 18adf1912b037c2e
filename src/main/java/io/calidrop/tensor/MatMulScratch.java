package io.calidrop.tensor;

/** Unpacked weights of one row block over one block of columns, per thread. For one thread. */
public final class MatMulScratch {
  /**
   * Columns unpacked at a time: two row vectors of shorts, or half as many of floats, stay in L1.
   */
  static final int COLUMNS = 256;

  private static final int BLOCKS = COLUMNS / Activations.BLOCK;

  /** From the scales and minima of one of two tiles to those of the other. */
  static final int TILE_SCALES = 2 * BLOCKS * Matrix.ROW_BLOCK;

  /** [columns][2][2 * lanes] weights of two tiles as shorts. */
  final short[] shorts = new short[2 * COLUMNS * Matrix.ROW_BLOCK];

  /** [blocks][tokens of a group][2][lanes] sums of the products of blocks. */
  final float[] blockSums = new float[BLOCKS * Activations.GROUP * Matrix.ROW_BLOCK];

  /** [columns][2][lanes] weights as floats. */
  final float[] floats = new float[COLUMNS * Matrix.ROW_BLOCK];

  /** [2 tiles][blocks, or halves of them][2][lanes] scales. */
  final float[] scales = new float[2 * TILE_SCALES];

  /** Minima, as {@link #scales}. */
  final float[] minima = new float[2 * TILE_SCALES];

  /** Quantised values of 32 columns, for {@link Activations#pack}. */
  public final int[] quantised = new int[Activations.BLOCK];

  /** What {@link OffHeap#touch} gave. */
  int touched;

  private float[] sums = {};
  private float[] row = {};
  private float[] tile = {};

  /** Products of the rows that are multiplied together, [tokens][rows]; grows at first use only. */
  float[] sums(int size) {
    if (sums.length < size) {
      sums = new float[size];
    }
    return sums;
  }

  /** A dequantised row, [columns]; grows at first use only. */
  float[] row(int columns) {
    if (row.length < columns) {
      row = new float[columns];
    }
    return row;
  }

  /** A row block of dequantised rows, [columns][2][lanes]; grows at first use only. */
  float[] tile(int columns) {
    if (tile.length < columns * Matrix.ROW_BLOCK) {
      tile = new float[columns * Matrix.ROW_BLOCK];
    }
    return tile;
  }
}
