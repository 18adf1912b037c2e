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
 * Finds the rows with the highest scores, of any number of rows, without sorting or keeping them:
 * rows that come gather where they are above the best that are known to be enough, and when there
 * are many of them the lower ones go. So most rows cost a comparison. For one thread at a time.
 */
final class BestRows {
  /** Most rows that gather beyond those that are wanted, and as many times these. */
  private static final int SLACK = 1024;

  private static final int TIMES = 4;

  /** Rows that are taken at a time. */
  private static final int STEP = 256;

  /** Of the rows that are wanted, one in so many may be left too many while others come. */
  private static final int TOLERANCE = 8;

  private static final IntVector FIRST = IntVector.zero(I).addIndex(1);

  private int[] rows = {}; // ascending
  private float[] scores = {}; // of each, and room for a vector
  private int count;
  private int most;
  private int slack;
  private float least; // what a row must exceed

  /** Forgets all rows; {@code most} are wanted. */
  void start(int most) {
    this.most = most;
    count = 0;
    least = Float.NEGATIVE_INFINITY;
    slack = TIMES * Math.min(most, SLACK / TIMES);
    int size = most + slack + STEP + LANES;
    if (rows.length < size) {
      rows = new int[size];
      scores = new float[size];
    }
  }

  /**
   * Takes rows in ascending order.
   *
   * @param from their scores [n], a multiple of vectors, with negative infinity where there is none
   * @param first the first one's number
   */
  void add(float[] from, int n, int first) {
    for (int i = 0; i < n; i += STEP) {
      count = collect(from, i, Math.min(n, i + STEP), first, least, rows, scores, count);
      if (count > most + slack) {
        shrink(most / TOLERANCE);
      }
    }
  }

  /**
   * Leaves the rows that are wanted, or all if there are no more: those with the highest scores, of
   * equal ones the first.
   *
   * @return how many there are in {@link #rows}
   */
  int finish() {
    if (count > most) {
      shrink(0);
    }
    return count;
  }

  /** The rows in ascending order. */
  int[] rows() {
    return rows;
  }

  /** Collects rows above {@code least} behind those that were found. */
  private static int collect(
      float[] from,
      int begin,
      int end,
      int first,
      float least,
      int[] rows,
      float[] scores,
      int found) {
    FloatVector bound = FloatVector.broadcast(F, least);
    for (int i = begin; i < end; i += LANES) {
      FloatVector x = FloatVector.fromArray(F, from, i);
      VectorMask<Float> above = x.compare(VectorOperators.GT, bound);
      // The mask is of floats: a cast of it would be an object. A branch would be guessed wrong.
      FloatVector numbers = (FloatVector) FIRST.add(first + i).reinterpretShape(F, 0);
      ((IntVector) numbers.compress(above).reinterpretShape(I, 0)).intoArray(rows, found);
      x.compress(above).intoArray(scores, found);
      found += above.trueCount();
    }
    return found;
  }

  /**
   * Drops the lower ones of too many rows, and up to {@code spare} less: halves the range that the
   * least of those that stay may lie in.
   */
  private void shrink(int spare) {
    int padded = VectorShape.roundUp(count, LANES);
    Arrays.fill(scores, count, padded, Float.POSITIVE_INFINITY);
    float low = Math.nextDown(least(scores, padded)); // which too many exceed
    Arrays.fill(scores, count, padded, Float.NEGATIVE_INFINITY);
    float high = greatest(scores, padded); // which no more than are wanted exceed
    int above = 0; // rows that exceed it
    int most = this.most + spare;
    while (above < this.most) {
      float middle = low + (high - low) / 2;
      if (!(middle > low && middle < high)) {
        break;
      }
      int more = count(scores, padded, middle);
      if (more > most) {
        low = middle;
      } else {
        high = middle;
        above = more;
      }
    }
    if (above >= this.most) {
      count = keep(rows, scores, padded, high);
    } else {
      // Those between both are equal.
      count = keep(rows, scores, padded, low);
      count = drop(rows, scores, count, high, this.most - above);
    }
    least = high;
  }

  private static float least(float[] scores, int padded) {
    FloatVector min = FloatVector.broadcast(F, Float.POSITIVE_INFINITY);
    for (int i = 0; i < padded; i += LANES) {
      min = min.lanewise(VectorOperators.MIN, FloatVector.fromArray(F, scores, i));
    }
    return min.reduceLanes(VectorOperators.MIN);
  }

  private static float greatest(float[] scores, int padded) {
    FloatVector max = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
    for (int i = 0; i < padded; i += LANES) {
      max = max.lanewise(VectorOperators.MAX, FloatVector.fromArray(F, scores, i));
    }
    return max.reduceLanes(VectorOperators.MAX);
  }

  private static int count(float[] scores, int padded, float bound) {
    int count = 0;
    for (int i = 0; i < padded; i += LANES) {
      count += FloatVector.fromArray(F, scores, i).compare(VectorOperators.GT, bound).trueCount();
    }
    return count;
  }

  /** Leaves rows above a bound: what is written lies before what is read next. */
  private static int keep(int[] rows, float[] scores, int padded, float bound) {
    int left = 0;
    for (int i = 0; i < padded; i += LANES) {
      FloatVector x = FloatVector.fromArray(F, scores, i);
      VectorMask<Float> above = x.compare(VectorOperators.GT, bound);
      FloatVector numbers = (FloatVector) IntVector.fromArray(I, rows, i).reinterpretShape(F, 0);
      ((IntVector) numbers.compress(above).reinterpretShape(I, 0)).intoArray(rows, left);
      x.compress(above).intoArray(scores, left);
      left += above.trueCount();
    }
    return left;
  }

  /** Leaves rows above {@code bound}, and the first {@code ties} of the others. */
  private static int drop(int[] rows, float[] scores, int count, float bound, int ties) {
    int left = 0;
    for (int i = 0; i < count; i++) {
      if (scores[i] > bound || ties-- > 0) {
        rows[left] = rows[i];
        scores[left++] = scores[i];
      }
    }
    return left;
  }
}
