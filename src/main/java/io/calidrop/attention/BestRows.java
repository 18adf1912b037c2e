package io.calidrop.attention;

import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;

import io.calidrop.tensor.VectorShape;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
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
      least = select(order, count, most);
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
    // Neighbours have like scores: in different sets they bound more.
    for (int set = 0; set < count; set += LANES) {
      FloatVector max = FloatVector.fromArray(F, scores, set);
      for (int i = set + count; i < together * count; i += count) {
        max = max.max(FloatVector.fromArray(F, scores, i));
      }
      max.intoArray(maxima, set);
    }
    grow(count);
    for (int i = 0; i < count; i++) {
      order[i] = ordered(maxima[i]);
    }
    int bits = select(order, count, most);
    return Float.intBitsToFloat(bits < 0 ? bits ^ Integer.MAX_VALUE : bits);
  }

  private void grow(int count) {
    int padded = VectorShape.roundUp(count, LANES);
    if (order.length < padded) {
      order = Arrays.copyOf(order, padded + padded / 2);
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

  /**
   * The number that comes at {@code most - 1} if {@code x[0, count)} were sorted downwards, or
   * another that as many reach. By counting, without a branch that depends on a number.
   */
  private static int select(int[] x, int count, int most) {
    int padded = VectorShape.roundUp(count, LANES);
    Arrays.fill(x, count, padded, x[0]);
    IntVector max = IntVector.fromArray(I, x, 0);
    IntVector min = max;
    for (int i = LANES; i < padded; i += LANES) {
      max = max.max(IntVector.fromArray(I, x, i));
      min = min.min(IntVector.fromArray(I, x, i));
    }
    long least = min.reduceLanes(VectorOperators.MIN);
    Arrays.fill(x, count, padded, (int) least); // which is never counted
    long end = (long) max.reduceLanes(VectorOperators.MAX) + 1; // fewer reach it
    while (end - least > 1) {
      int middle = (int) (least + end >> 1);
      int reach = 0;
      for (int i = 0; i < padded; i += LANES) {
        reach += IntVector.fromArray(I, x, i).compare(VectorOperators.GE, middle).trueCount();
      }
      if (reach == most) {
        return middle;
      }
      if (reach > most) {
        least = middle;
      } else {
        end = middle;
      }
    }
    return (int) least;
  }
}
