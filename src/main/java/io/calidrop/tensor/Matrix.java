package io.calidrop.tensor;

/**
 * A weight matrix [rows][columns] that multiplies column vectors. Immutable: threads may share it.
 */
public abstract class Matrix {
  /** Rows that are computed together, the unit in which threads share a product. */
  public static final int ROW_BLOCK = 2 * VectorShape.LANES;

  private final int rows;
  private final int columns;

  Matrix(int rows, int columns) {
    this.rows = rows;
    this.columns = columns;
  }

  public final int rows() {
    return rows;
  }

  public final int columns() {
    return columns;
  }

  public final int rowBlocks() {
    return Math.ceilDiv(rows, ROW_BLOCK);
  }

  /** The forms of {@link Activations} that a product with so many vectors reads. */
  public abstract int forms(int tokens);

  /**
   * Row blocks that a product with so many vectors computes together: a part of it that ends within
   * takes as long as with all of them.
   */
  int blocksTogether(int tokens) {
    return 1;
  }

  /** Bytes that the weights occupy in memory of the process, beyond the mapped file. */
  public abstract long residentBytes();

  /**
   * Multiplies row blocks {@code [from, to)} by groups of tokens {@code [first, end)}: {@code
   * out[token * stride + row]} becomes the product of that row and token.
   *
   * @param stride at least {@code rowBlocks() * ROW_BLOCK}: rows are computed in whole blocks, and
   *     tokens in whole groups of {@link Activations#GROUP}; what lies beyond is overwritten with
   *     meaningless values
   */
  public abstract void multiply(
      Activations x,
      int from,
      int to,
      int first,
      int end,
      float[] out,
      int stride,
      MatMulScratch scratch);
}
