package io.calidrop.attention;

import java.util.Arrays;

/** The rows of a head with the highest scores. One object serves one thread. */
final class RowSelection {
  private long[] order = {};
  private boolean[] kept = {};

  /**
   * Keeps all rows but those of {@code [from, to)}, and of these the {@code free} with the highest
   * scores; ties go to the lower position.
   *
   * @return [rows] whether a row stays, valid until the next call
   */
  boolean[] select(float[] scores, int rows, int from, int to, int free) {
    if (kept.length < rows) {
      kept = new boolean[rows];
      order = new long[rows];
    }
    Arrays.fill(kept, 0, rows, true);
    for (int row = from; row < to; row++) {
      order[row - from] = (long) ~ordered(scores[row]) << 32 | row;
    }
    Arrays.sort(order, 0, to - from);
    for (int i = Math.max(0, free); i < to - from; i++) {
      kept[(int) order[i]] = false;
    }
    return kept;
  }

  /** An int with the order of the floats; no number is lowest. */
  private static int ordered(float x) {
    if (Float.isNaN(x)) {
      return Integer.MIN_VALUE;
    }
    int bits = Float.floatToIntBits(x + 0f); // no negative zero
    return bits < 0 ? bits ^ Integer.MAX_VALUE : bits;
  }
}
