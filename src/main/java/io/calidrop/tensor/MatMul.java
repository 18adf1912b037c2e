package io.calidrop.tensor;

/**
 * Products of one or more matrices, with the same activations or each with its own, computed as one
 * task: queries, keys and values of a layer cost a single dispatch. For one product at a time: the
 * threads of the pool are its own.
 */
public final class MatMul implements WorkerPool.Task {
  /**
   * Parts per thread of what takes little time: enough that a thread which was held back does not
   * keep the others waiting. Of large batches each unit is a part.
   */
  private static final int PARTS_PER_THREAD = 8;

  /** Tokens of a large batch, and the fewest of a piece that it is split into. */
  private static final int LEAST_TOKENS = 32;

  /** Tokens whose products with unpacked weights take as long as unpacking them, at most. */
  private static final int UNPACKING = 8;

  private final MatMulScratch[] scratch;
  private Activations[] xs = {};
  private Activations shared;
  private Matrix[] matrices;
  private float[][] outs;
  private int count;
  private int units; // row blocks, or those that are computed together
  private int shares; // runs of units
  private int splits; // of the tokens

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
    int tokens = shared == null ? 1 : shared.tokens(); // experts have few each
    splits = splits(units, tokens, pool.threads());
    shares = shares(tokens, pool.threads());
    pool.run(this, shares * splits);
  }

  /** A single vector is multiplied fastest by several tiles in turn, as long as no thread idles. */
  private int shares(int tokens, int threads) {
    if (tokens >= LEAST_TOKENS) {
      return units;
    }
    int most = Math.min(units, threads * PARTS_PER_THREAD);
    return tokens > 1 ? most : Math.min(most, Math.max(threads, units / TiledMatrix.STREAMS));
  }

  /**
   * Into how many pieces the tokens of a batch are split: where there are few row blocks for many
   * threads, some would wait while others compute their last. Each piece unpacks the weights anew.
   */
  static int splits(int units, int tokens, int threads) {
    int best = 1;
    for (int splits = 2; threads > 1 && tokens / splits >= LEAST_TOKENS; splits *= 2) {
      if (time(units, tokens, threads, splits) < time(units, tokens, threads, best)) {
        best = splits;
      }
    }
    return best;
  }

  /** When the last thread is done, which was held back by a part, in products of a unit. */
  private static double time(int units, int tokens, int threads, int splits) {
    return (Math.ceilDiv(units * splits, threads) + 1) * ((double) tokens / splits + UNPACKING);
  }

  private Activations input(int i) {
    return shared == null ? xs[i] : shared;
  }

  private int units(int i) {
    return Math.ceilDiv(matrices[i].rowBlocks(), matrices[i].blocksTogether(input(i).tokens()));
  }

  @Override
  public void run(int part, int worker) {
    int share = part / splits;
    int split = part % splits;
    int from = (int) ((long) units * share / shares);
    int to = (int) ((long) units * (share + 1) / shares);
    int start = 0;
    for (int i = 0; i < count; i++) {
      Matrix matrix = matrices[i];
      int end = start + units(i);
      if (from < end && to > start) {
        int unit = matrix.blocksTogether(input(i).tokens());
        int first = Math.max(from - start, 0) * unit;
        int last = Math.min((Math.min(to, end) - start) * unit, matrix.rowBlocks());
        int groups = input(i).groups();
        matrix.multiply(
            input(i),
            first,
            last,
            groups * split / splits,
            groups * (split + 1) / splits,
            outs[i],
            stride(matrix),
            scratch[worker]);
      }
      start = end;
    }
  }
}
