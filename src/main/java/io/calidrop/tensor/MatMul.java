package io.calidrop.tensor;

/**
 * Products of one or more matrices with the same activations, computed as one task: queries, keys
 * and values of a layer cost a single dispatch.
 */
public final class MatMul implements WorkerPool.Task {
  /**
   * Parts per thread: enough that a thread which was held back does not keep the others waiting.
   */
  private static final int PARTS_PER_THREAD = 8;

  private final MatMulScratch[] scratch;
  private Activations x;
  private Matrix[] matrices;
  private float[][] outs;
  private int blocks;
  private int parts;

  /**
   * @param scratch one for each thread of the pool
   */
  public MatMul(MatMulScratch[] scratch) {
    this.scratch = scratch;
  }

  /** The forms of activations that so many vectors need to be packed in for these matrices. */
  public static int forms(int tokens, Matrix... matrices) {
    int forms = 0;
    for (Matrix matrix : matrices) {
      forms |= matrix.forms(tokens);
    }
    return forms;
  }

  /** Length of an output vector with the padding that kernels need. */
  public static int stride(Matrix matrix) {
    return matrix.rowBlocks() * Matrix.ROW_BLOCK;
  }

  /**
   * Multiplies; returns when all products are there.
   *
   * @param outs for each matrix its products [tokens][{@link #stride}]
   */
  public void run(WorkerPool pool, Activations x, Matrix[] matrices, float[][] outs) {
    this.x = x;
    this.matrices = matrices;
    this.outs = outs;
    blocks = 0;
    for (Matrix matrix : matrices) {
      blocks += matrix.rowBlocks();
    }
    parts = Math.min(blocks, pool.threads() * PARTS_PER_THREAD);
    pool.run(this, parts);
  }

  @Override
  public void run(int part, int worker) {
    int from = (int) ((long) blocks * part / parts);
    int to = (int) ((long) blocks * (part + 1) / parts);
    int start = 0;
    for (int i = 0; i < matrices.length; i++) {
      Matrix matrix = matrices[i];
      int end = start + matrix.rowBlocks();
      int first = Math.max(from, start);
      int last = Math.min(to, end);
      if (first < last) {
        matrix.multiply(x, first - start, last - start, outs[i], stride(matrix), scratch[worker]);
      }
      start = end;
    }
  }
}
