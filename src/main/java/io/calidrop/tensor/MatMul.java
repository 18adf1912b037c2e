package io.calidrop.tensor;

/**
 * Products of one or more matrices, with the same activations or each with its own, computed as one
 * task: queries, keys and values of a layer cost a single dispatch. For one product at a time: the
 * threads of the pool are its own.
 */
public final class MatMul implements WorkerPool.Task {
  /**
   * Parts per thread: enough that a thread which was held back does not keep the others waiting.
   */
  private static final int PARTS_PER_THREAD = 8;

  private final MatMulScratch[] scratch;
  private Activations[] xs = {};
  private Activations shared;
  private Matrix[] matrices;
  private float[][] outs;
  private int count;
  private int units; // row blocks, or those that are computed together
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

  /**
   * The forms that any number of vectors up to {@code most} need: kernels differ for one vector, a
   * few and many.
   */
  public static int formsUpTo(int most, Matrix... matrices) {
    return forms(1, matrices) | forms(Math.min(2, most), matrices) | forms(most, matrices);
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
    shared = x;
    start(pool, matrices, outs, matrices.length);
  }

  /** Multiplies the first {@code count} matrices, each by activations of its own. */
  public void run(WorkerPool pool, Activations[] xs, Matrix[] matrices, float[][] outs, int count) {
    shared = null;
    this.xs = xs;
    start(pool, matrices, outs, count);
  }

  private void start(WorkerPool pool, Matrix[] matrices, float[][] outs, int count) {
    this.matrices = matrices;
    this.outs = outs;
    this.count = count;
    units = 0;
    for (int i = 0; i < count; i++) {
      units += units(i);
    }
    parts = Math.min(units, pool.threads() * PARTS_PER_THREAD);
    pool.run(this, parts);
  }

  private Activations input(int i) {
    return shared == null ? xs[i] : shared;
  }

  private int units(int i) {
    return Math.ceilDiv(matrices[i].rowBlocks(), matrices[i].blocksTogether(input(i).tokens()));
  }

  @Override
  public void run(int part, int worker) {
    int from = (int) ((long) units * part / parts);
    int to = (int) ((long) units * (part + 1) / parts);
    int start = 0;
    for (int i = 0; i < count; i++) {
      Matrix matrix = matrices[i];
      int end = start + units(i);
      if (from < end && to > start) {
        int unit = matrix.blocksTogether(input(i).tokens());
        int first = Math.max(from - start, 0) * unit;
        int last = Math.min((Math.min(to, end) - start) * unit, matrix.rowBlocks());
        matrix.multiply(input(i), first, last, outs[i], stride(matrix), scratch[worker]);
      }
      start = end;
    }
  }
}
