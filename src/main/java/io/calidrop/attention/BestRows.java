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
  private static final int MAXIMA = 4;

  private float[] maxima = {};
  private long[] candidates = {}; // score and then row, of all that lie above the bound
  private long[] order = {};

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
    long least = Long.MIN_VALUE;
    if (count > most) {
      System.arraycopy(candidates, 0, order, 0, count);
      least = select(order, count, count - most);
    }
    int found = 0;
    for (int i = 0; i < count; i++) {
      if (candidates[i] >= least) {
        rows[found++] = ~(int) candidates[i];
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
      order[i] = key(maxima[i], i);
    }
    int bits = (int) (select(order, count, count - most) >> 32);
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
          candidates[count++] = key(scores[row], row);
        }
      }
    }
    return count;
  }

  /** A number with the order of the scores, and of the rows from behind where these are equal. */
  private static long key(float score, int row) {
    int bits = Float.floatToRawIntBits(score + 0f); // no negative zero
    int ordered = bits < 0 ? bits ^ Integer.MAX_VALUE : bits;
    return (long) ordered << 32 | ~row & 0xffffffffL;
  }

  /** The number that would come at {@code index} if {@code x[0, count)} were sorted. */
  private static long select(long[] x, int count, int index) {
    int from = 0;
    int to = count - 1;
    while (from < to) {
      long pivot = median(x[from], x[from + to >>> 1], x[to]);
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
          long swap = x[i];
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

  private static long median(long a, long b, long c) {
    return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
  }
}
