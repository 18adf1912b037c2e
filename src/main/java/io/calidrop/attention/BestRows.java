package io.calidrop.attention;

import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.LANES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Finds the rows with the highest scores without sorting: halves the range that the least of them
 * may lie in until nearly as many rows lie above as are wanted. One object serves one thread.
 */
final class BestRows {
  /** Of the rows that are wanted, one in so many may be missing. */
  static final int TOLERANCE = 16;

  /** Halvings, after which scores within the range count as equal. */
  private static final int MOST_STEPS = 40;

  /** The rows that were found, in ascending order. */
  int[] rows = {};

  /**
   * Finds rows with the highest scores: {@code most}, or up to a sixteenth less, or all if there
   * are no more. Where more have the same score than are wanted the lower rows are taken.
   *
   * @param scores holds [n], a multiple of vectors, with negative infinity where there is no row
   * @return how many
   */
  int find(float[] scores, int n, int most) {
    FloatVector max = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
    FloatVector min = FloatVector.broadcast(F, Float.MAX_VALUE);
    for (int i = 0; i < n; i += LANES) {
      FloatVector x = FloatVector.fromArray(F, scores, i);
      max = max.max(x);
      min =
          min.min(x.blend(Float.MAX_VALUE, x.compare(VectorOperators.EQ, Float.NEGATIVE_INFINITY)));
    }
    float low = min.reduceLanes(VectorOperators.MIN); // which too many reach
    float high = Math.nextUp(max.reduceLanes(VectorOperators.MAX)); // which no more than wanted do
    int above = 0; // rows that reach it
    if (count(scores, n, low) <= most) {
      high = low;
      above = most;
    }
    for (int step = 0; step < MOST_STEPS && above < most - most / TOLERANCE; step++) {
      float middle = low + (high - low) / 2;
      if (middle == low || middle == high) {
        break;
      }
      int reach = count(scores, n, middle);
      if (reach > most) {
        low = middle;
      } else {
        high = middle;
        above = reach;
      }
    }
    int ties = above < most - most / TOLERANCE ? most - above : 0;
    return collect(scores, n, room(most), ties > 0 ? low : high, high, ties);
  }

  private static int count(float[] scores, int n, float least) {
    int count = 0;
    for (int i = 0; i < n; i += LANES) {
      count += FloatVector.fromArray(F, scores, i).compare(VectorOperators.GE, least).trueCount();
    }
    return count;
  }

  /**
   * Collects rows that reach {@code high}, and the first {@code ties} that reach only {@code low}.
   */
  private static int collect(float[] scores, int n, int[] rows, float low, float high, int ties) {
    int found = 0;
    for (int i = 0; i < n; i += LANES) {
      VectorMask<Float> reach =
          FloatVector.fromArray(F, scores, i).compare(VectorOperators.GE, low);
      for (long lanes = reach.toLong(); lanes != 0; lanes &= lanes - 1) {
        int row = i + Long.numberOfTrailingZeros(lanes);
        if (scores[row] >= high || ties-- > 0) {
          rows[found++] = row;
        }
      }
    }
    return found;
  }

  /** Room for {@code count} rows. */
  int[] room(int count) {
    if (rows.length < count) {
      rows = new int[count];
    }
    return rows;
  }
}
