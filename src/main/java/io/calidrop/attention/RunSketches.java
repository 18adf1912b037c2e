package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;

import io.calidrop.tensor.VectorMath;
import java.util.Arrays;

/**
 * Sketches of the mean keys of runs of stored rows, by which a long text's runs are chosen before
 * rows are. A page of 64 runs keeps the center that it got first.
 */
final class RunSketches {
  /** Rows of a run. */
  static final int RUN = 16;

  private final int dim;
  private final KeySketches sketches;
  private final float[] sum; // [dim] of the keys of the run that is not complete
  private final float[] replacing; // [dim]
  private int centered; // pages that have a center

  RunSketches(int dim) {
    this.dim = dim;
    sketches = new KeySketches(dim);
    sum = new float[dim];
    replacing = new float[dim];
  }

  KeySketches sketches() {
    return sketches;
  }

  /** Its page that has the runs of a page of rows. */
  int page(int rows) {
    return rows / RUN;
  }

  /**
   * Adds rows, one after the other.
   *
   * @param row the first one
   * @param keys [count][dim], rotated
   */
  void add(int row, int count, float[] keys) {
    int page = row / RUN / BLOCK;
    if (page >= centered) {
      sketches.center(page, count, keys);
      centered = page + 1;
    }
    add(row, count, keys, sum);
  }

  /** Replaces the rows of whole runs. */
  void replace(int row, int count, float[] keys) {
    add(row, count, keys, replacing);
  }

  private void add(int row, int count, float[] keys, float[] sum) {
    for (int i = 0; i < count; i++) {
      if ((row + i) % RUN == 0) {
        Arrays.fill(sum, 0f);
      }
      VectorMath.addScaled(sum, 0, keys, i * dim, dim, 1f / RUN);
      if ((row + i) % RUN == RUN - 1) {
        int run = (row + i) / RUN;
        sketches.set(run / BLOCK, run % BLOCK, 1, sum);
      }
    }
  }

  /**
   * What a later {@link #goBack} needs besides the pages of {@link #sketches} that changed.
   *
   * @param sum of the run that is not complete
   * @param centered pages that have a center
   */
  record Mark(float[] sum, int centered) {}

  Mark mark() {
    return new Mark(sum.clone(), centered);
  }

  void goBack(Mark mark) {
    System.arraycopy(mark.sum, 0, sum, 0, dim);
    centered = mark.centered;
  }

  /** Carries those of so many rows. */
  void transfer(StateTransfer state, int rows) {
    sketches.transfer(state, Math.ceilDiv(rows, RUN * BLOCK));
    centered = (int) state.number(centered);
    state.floats(sum, dim);
  }

  void clear() {
    centered = 0;
  }

  long bytes() {
    return sketches.bytes();
  }
}
