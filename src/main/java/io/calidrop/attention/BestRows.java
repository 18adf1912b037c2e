package io.calidrop.attention;

import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.LANES;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Finds the rows with the highest scores without sorting all. The maxima of disjoint sets of rows
 * bound the score that a row must have: as many of them as there are rows to be found lie at or
 * above the bound. One object serves one thread.
 */
final class BestRows {
  /** Maxima for each row to be found: the more, the fewer rows lie above the bound in vain. */
  private static final int MAXIMA = 2;

  private float[] maxima = {};
  private int[] candidates = {}; // rows that lie above the bound
  private int[] order = {}; // scores, as numbers of the same order

  /** The rows that were found, in ascending order. */
  int[] rows = {};

  /**
   * Finds the {@code most} rows with the highest scores, ties going to the lower row; all if there
   * are no more.
   *
   * @param scores holds [n, padded to vectors], with negative infinity in the padding and where
   *     there is no row
   * @return how many
   */
  int find(float[] scores, int n, int most) {
    room(most);
    int count = candidates(scores, n, bound(scores, n, most));
    int least = Integer.MIN_VALUE;
    int ties = count;
    if (count > most) {
      for (int i = 0; i < count; i++) {
        order[i] = ordered(scores[candidates[i]]);
      }
      least = select(order, count, count - most);
      ties = most;
      for (int i = 0; i < count; i++) {
        ties -= order[i] > least ? 1 : 0;
      }
    }
    int found = 0;
    for (int i = 0; i < count; i++) {
      int score = ordered(scores[candidates[i]]);
      if (score > least || score == least && ties-- > 0) {
        rows[found++] = candidates[i];
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

  /** A score that at least {@code most} rows reach. */
  private float bound(float[] scores, int n, int most) {
    int vectors = Math.ceilDiv(n, LANES);
    int together = vectors / Math.ceilDiv(MAXIMA * most, LANES);
    if (together < 2) {
      return -Float.MAX_VALUE;
    }
    int sets = vectors / together; // the last few vectors need not be in one
    int count = sets * LANES;
    if (maxima.length < count) {
      maxima = new float[count];
    }
    for (int set = 0; set < sets; set++) {
      int from = set * together * LANES;
      FloatVector max = FloatVector.fromArray(F, scores, from);
      for (int i = from + LANES; i < from + together * LANES; i += LANES) {
        max = max.max(FloatVector.fromArray(F, scores, i));
      }
      max.intoArray(maxima, set * LANES);
    }
    grow(count);
    for (int i = 0; i < count; i++) {
      order[i] = ordered(maxima[i]);
    }
    int bits = select(order, count, count - most);
    return Float.intBitsToFloat(bits < 0 ? bits ^ Integer.MAX_VALUE : bits);
  }

  private void grow(int count) {
    if (order.length < count) {
      order = Arrays.copyOf(order, count + count / 2);
      candidates = Arrays.copyOf(candidates, order.length);
    }
  }

  private int candidates(float[] scores, int n, float bound) {
    int count = 0;
    for (int i = 0; i < n; i += LANES) {
      VectorMask<Float> above =
          FloatVector.fromArray(F, scores, i).compare(VectorOperators.GE, bound);
      long lanes = above.toLong();
      if (lanes != 0) {
        grow(count + LANES);
        for (; lanes != 0; lanes &= lanes - 1) {
          int row = i + Long.numberOfTrailingZeros(lanes);
          candidates[count++] = row;
        }
      }
    }
    return count;
  }

  /** An int with the order of the floats. */
  private static int ordered(float x) {
    int bits = Float.floatToRawIntBits(x + 0f); // no negative zero
    return bits < 0 ? bits ^ Integer.MAX_VALUE : bits;
  }

  /** The number that would come at {@code index} if {@code x[0, count)} were sorted. */
  private static int select(int[] x, int count, int index) {
    int from = 0;
    int to = count - 1;
    while (from < to) {
      int pivot = median(x[from], x[from + to >>> 1], x[to]);
      int i = from;
      int j = to;
      while (i <= j) {
        while (x[i] < pivot) {
          i++;
        }
        while (x[j] > pivot) {
          j--;
        }
        if (i <= j) {
          int swap = x[i];
          x[i++] = x[j];
          x[j--] = swap;
        }
      }
      if (index <= j) {
        to = j;
      } else if (index >= i) {
        from = i;
      } else {
        return x[index];
      }
    }
    return x[index];
  }

  private static int median(int a, int b, int c) {
    return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
  }
}
