package io.calidrop.attention;

import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
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

  private static final IntVector FIRST = IntVector.zero(I).addIndex(1);

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
    float low = least(scores, n); // which too many reach
    float high = Math.nextUp(greatest(scores, n)); // which no more than wanted do
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
    if (above >= most - most / TOLERANCE) {
      return collect(scores, n, high, room(most + LANES));
    }
    int reach = collect(scores, n, low, room(count(scores, n, low) + LANES));
    return drop(scores, rows, reach, high, most - above);
  }

  private static float greatest(float[] scores, int n) {
    FloatVector max = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
    for (int i = 0; i < n; i += LANES) {
      max = max.lanewise(VectorOperators.MAX, FloatVector.fromArray(F, scores, i));
    }
    return max.reduceLanes(VectorOperators.MAX);
  }

  /** The least score of a row. */
  private static float least(float[] scores, int n) {
    FloatVector none = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
    FloatVector most = FloatVector.broadcast(F, Float.MAX_VALUE);
    FloatVector min = most;
    for (int i = 0; i < n; i += LANES) {
      FloatVector x = FloatVector.fromArray(F, scores, i);
      min = min.lanewise(VectorOperators.MIN, x.blend(most, x.compare(VectorOperators.EQ, none)));
    }
    return min.reduceLanes(VectorOperators.MIN);
  }

  private static int count(float[] scores, int n, float least) {
    int count = 0;
    for (int i = 0; i < n; i += LANES) {
      count += FloatVector.fromArray(F, scores, i).compare(VectorOperators.GE, least).trueCount();
    }
    return count;
  }

  /** Collects rows that reach {@code least}, without a branch that depends on a score. */
  private static int collect(float[] scores, int n, float least, int[] rows) {
    int found = 0;
    for (int i = 0; i < n; i += LANES) {
      VectorMask<Float> reach =
          FloatVector.fromArray(F, scores, i).compare(VectorOperators.GE, least);
      // The mask is of floats: a cast of it would be an object.
      FloatVector numbers = (FloatVector) FIRST.add(i).reinterpretShape(F, 0);
      ((IntVector) numbers.compress(reach).reinterpretShape(I, 0)).intoArray(rows, found);
      found += reach.trueCount();
    }
    return found;
  }

  /** Leaves rows that reach {@code high}, and the first {@code ties} of the others. */
  private static int drop(float[] scores, int[] rows, int count, float high, int ties) {
    int left = 0;
    for (int i = 0; i < count; i++) {
      if (scores[rows[i]] >= high || ties-- > 0) {
        rows[left++] = rows[i];
      }
    }
    return left;
  }

  /** Room for {@code count} rows. */
  int[] room(int count) {
    if (rows.length < count) {
      rows = new int[count];
    }
    return rows;
  }
}
