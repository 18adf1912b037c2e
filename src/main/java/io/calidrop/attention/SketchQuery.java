package io.calidrop.attention;

import static io.calidrop.attention.KeySketches.PART;
import static io.calidrop.tensor.VectorShape.B;
import static io.calidrop.tensor.VectorShape.BYTES;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static io.calidrop.tensor.VectorShape.PARTIALS;
import static jdk.incubator.vector.VectorOperators.LSHL;

import io.calidrop.tensor.VectorMath;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * The queries of a tile's tokens, of a KV head's group, as sketches are scored with: multiplied by
 * the model's scale, once in single precision and once as tables of what four dimensions add to the
 * product with any signs, a byte for each of the sixteen, in units that all heads have in common.
 * For one thread at a time.
 */
final class SketchQuery {
  private static final int FIELD = 4; // dimensions of a table
  private static final int TABLES = PART / FIELD;

  /** Most that codes add up to: of a byte, a half for each table is left for what rounding adds. */
  private static final float MOST = Byte.MAX_VALUE - TABLES / 2;

  /** Bytes of the tables of a part. */
  static final int TABLES_BYTES = TABLES * BYTES;

  private static final FloatVector THIRD = lanesWith(1);
  private static final FloatVector FOURTH = lanesWith(2);

  private final int dim;
  private final int heads;
  private final int parts;
  private final float[] rotated; // [heads][parts][PART] of a token, 0 beyond the dimensions

  /**
   * [tokens][heads][dim], and room for partial sums: the queries, rotated and multiplied by the
   * model's scale.
   */
  final float[] scaled;

  /** [tokens][heads][parts][TABLES][BYTES] sixteen entries, repeated to fill a vector. */
  final byte[] tables;

  /** [tokens][parts] what a code stands for. */
  final float[] steps;

  /**
   * @param tokens most at a time
   */
  SketchQuery(int tokens, int group, int dim) {
    this.dim = dim;
    heads = group;
    parts = Math.ceilDiv(dim, KeySketches.PART);
    rotated = new float[group * parts * PART];
    scaled = new float[tokens * group * dim + PARTIALS];
    tables = new byte[tokens * group * parts * TABLES_BYTES];
    steps = new float[tokens * parts];
  }

  private static FloatVector lanesWith(int bit) {
    float[] lanes = new float[LANES];
    for (int lane = 0; lane < LANES; lane++) {
      lanes[lane] = (lane & bit) == 0 ? 0 : 1;
    }
    return FloatVector.fromArray(F, lanes, 0);
  }

  /**
   * Takes over the queries of all heads of a token.
   *
   * @param q [heads][dim] at {@code offset}, rotated as the keys were
   * @param scale of the model's scores
   */
  void load(int token, float[] q, int offset, float scale) {
    for (int head = 0; head < heads; head++) {
      System.arraycopy(q, offset + head * dim, rotated, head * parts * PART, dim);
    }
    for (int d = 0; d < heads * dim; d++) {
      scaled[token * heads * dim + d] = q[offset + d] * scale;
    }
    for (int part = 0; part < parts; part++) {
      float most = 0;
      for (int head = 0; head < heads; head++) {
        float sum = 0;
        int from = (head * parts + part) * PART;
        for (int d = from; d < from + PART; d++) {
          sum += Math.abs(rotated[d]);
        }
        most = Math.max(most, sum);
      }
      float step = most / MOST;
      steps[token * parts + part] = step * scale;
      float inverse = step < Float.MIN_NORMAL ? 0 : 1 / step;
      for (int head = 0; head < heads; head++) {
        int from = (head * parts + part) * PART;
        int to = ((token * heads + head) * parts + part) * TABLES_BYTES;
        for (int table = 0; table < TABLES; table++) {
          tabulate(rotated, from + table * FIELD, inverse, tables, to + table * BYTES);
        }
      }
    }
  }

  /**
   * Makes the table of four dimensions: entry b is the sum of those that have a bit in b less the
   * others, rounded. Lane l has entries 4 l to 4 l + 3, modulo 16.
   */
  private static void tabulate(float[] q, int d, float inverse, byte[] out, int o) {
    float first = 2 * q[d] * inverse;
    float second = 2 * q[d + 1] * inverse;
    float third = 2 * q[d + 2] * inverse;
    float fourth = 2 * q[d + 3] * inverse;
    FloatVector sum =
        THIRD.mul(third).add(FOURTH.mul(fourth)).sub((first + second + third + fourth) / 2);
    int mask = 0xff; // of the mantissa, which ends in the rounded number
    IntVector codes = ((IntVector) sum.add(VectorMath.ROUND).reinterpretShape(I, 0)).and(mask);
    IntVector code =
        ((IntVector) sum.add(first).add(VectorMath.ROUND).reinterpretShape(I, 0)).and(mask);
    codes = codes.or(code.lanewise(LSHL, 8));
    code = ((IntVector) sum.add(second).add(VectorMath.ROUND).reinterpretShape(I, 0)).and(mask);
    codes = codes.or(code.lanewise(LSHL, 16));
    code =
        ((IntVector) sum.add(first + second).add(VectorMath.ROUND).reinterpretShape(I, 0))
            .and(mask);
    ((ByteVector) codes.or(code.lanewise(LSHL, 24)).reinterpretShape(B, 0)).intoArray(out, o);
  }
}
