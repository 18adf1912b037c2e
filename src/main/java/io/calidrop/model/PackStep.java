package io.calidrop.model;

import io.calidrop.tensor.Activations;
import io.calidrop.tensor.MatMul;
import io.calidrop.tensor.MatMulScratch;
import io.calidrop.tensor.Matrix;
import io.calidrop.tensor.WorkerPool;

/**
 * Packs a batch as the input of the next product. Threads take groups of tokens, and where there
 * are fewer of these than threads, columns of them too. For one product at a time.
 */
final class PackStep {
  /** Columns that are worth another thread's while. */
  private static final int LEAST_COLUMNS = 256;

  /** What is done to columns {@code [from, to)} of a token before they are packed. */
  @FunctionalInterface
  interface Before {
    void run(int token, int from, int to);
  }

  private final WorkerPool pool;
  private final MatMulScratch[] scratch;
  private final WorkerPool.Task task = this::run;

  private Activations input;
  private float[] source;
  private int stride; // of the source
  private Before before; // or null
  private int shares; // that a token's columns are split into
  private int forms; // packed forms that the product wants

  PackStep(WorkerPool pool, MatMulScratch[] scratch) {
    this.pool = pool;
    this.scratch = scratch;
  }

  /**
   * Announces what is packed next.
   *
   * @param source [tokens][stride]
   * @param before what is done first, or null
   */
  void start(
      int tokens, Activations input, Matrix[] product, float[] source, int stride, Before before) {
    input.start(tokens);
    this.input = input;
    this.source = source;
    this.stride = stride;
    this.before = before;
    forms = MatMul.forms(tokens, product);
    shares = Math.max(1, Math.min(pool.threads() / groups(), input.columns() / LEAST_COLUMNS));
  }

  private int groups() {
    return Math.ceilDiv(input.tokens(), Activations.GROUP);
  }

  /** Whether threads share the columns of a token. */
  boolean isShared() {
    return shares > 1;
  }

  /** Packs the batch on all threads. */
  void run() {
    pool.run(task, groups() * shares);
  }

  private void run(int part, int worker) {
    int group = part / shares;
    int from = column(part % shares);
    int to = column(part % shares + 1);
    int end = Math.min((group + 1) * Activations.GROUP, input.tokens());
    for (int token = group * Activations.GROUP; token < end; token++) {
      pack(token, from, to, worker);
    }
  }

  /** The first column of a share, or the end. */
  private int column(int share) {
    int columns = input.columns();
    int whole = columns / Activations.SHARE;
    return share == shares ? columns : whole * share / shares * Activations.SHARE;
  }

  /** Packs one token, on the thread that calls. */
  void pack(int token, int worker) {
    pack(token, 0, input.columns(), worker);
  }

  private void pack(int token, int from, int to, int worker) {
    if (before != null) {
      before.run(token, from, to);
    }
    input.pack(token, source, token * stride, from, to, forms, scratch[worker].quantised);
  }
}
