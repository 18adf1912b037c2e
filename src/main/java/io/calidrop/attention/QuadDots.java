package io.calidrop.attention;

import static io.calidrop.attention.Hadamard.PARTNER_1;
import static io.calidrop.attention.Hadamard.PARTNER_2;
import static io.calidrop.attention.Hadamard.PARTNER_4;
import static io.calidrop.attention.Hadamard.PARTNER_8;
import static io.calidrop.attention.KvHead.QUAD;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.LANES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/** Dot products of up to four queries with vectors that lie anywhere. */
final class QuadDots {
  /** Lanes whose number has the bit. */
  static final VectorMask<Float> HAVE_1 = having(1);

  static final VectorMask<Float> HAVE_2 = having(2);

  private QuadDots() {}

  private static VectorMask<Float> having(int bit) {
    long lanes = 0;
    for (int lane = 0; lane < LANES; lane++) {
      lanes |= (lane & bit) == 0 ? 0 : 1L << lane;
    }
    return VectorMask.fromLong(F, lanes);
  }

  /**
   * Products with vectors {@code [from, to)}.
   *
   * @param x holds vectors of {@code rowDim} numbers, whole hardware vectors, zero from {@code dim}
   *     on, where {@code at} says
   * @param q holds [heads][dim] at {@code o}, up to four, and may be read beyond
   * @param out [to][4], overwritten, and lanes beyond
   */
  static void of(
      float[] x,
      int[] at,
      int from,
      int to,
      float[] q,
      int o,
      int dim,
      int heads,
      int rowDim,
      float[] out) {
    boolean two = heads > 1;
    boolean four = heads > 3;
    int o1 = o + (two ? dim : 0);
    int o2 = o + (heads > 2 ? 2 * dim : 0);
    int o3 = o + (four ? 3 * dim : 0);
    for (int i = from; i < to; i++) {
      int k = at[i];
      FloatVector a0 = FloatVector.zero(F);
      FloatVector a1 = a0;
      FloatVector a2 = a0;
      FloatVector a3 = a0;
      for (int d = 0; d < rowDim; d += LANES) {
        FloatVector key = FloatVector.fromArray(F, x, k + d);
        a0 = key.fma(FloatVector.fromArray(F, q, o + d), a0);
        if (two) {
          a1 = key.fma(FloatVector.fromArray(F, q, o1 + d), a1);
          a2 = key.fma(FloatVector.fromArray(F, q, o2 + d), a2);
        }
        if (four) {
          a3 = key.fma(FloatVector.fromArray(F, q, o3 + d), a3);
        }
      }
      // Sums of neighbours, then of neighbours of these: lane l comes to be of query l % 4.
      FloatVector even = a0.blend(a1, HAVE_1).add(a1.blend(a0, HAVE_1).rearrange(PARTNER_1));
      FloatVector odd = a2.blend(a3, HAVE_1).add(a3.blend(a2, HAVE_1).rearrange(PARTNER_1));
      FloatVector sum = even.blend(odd, HAVE_2).add(odd.blend(even, HAVE_2).rearrange(PARTNER_2));
      if (LANES > 4) {
        sum = sum.add(sum.rearrange(PARTNER_4));
      }
      if (LANES > 8) {
        sum = sum.add(sum.rearrange(PARTNER_8));
      }
      sum.intoArray(out, i * QUAD);
    }
  }
}
