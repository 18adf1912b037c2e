package io.calidrop.attention;

import static io.calidrop.attention.Hadamard.PARTNER_1;
import static io.calidrop.attention.Hadamard.PARTNER_2;
import static io.calidrop.attention.Hadamard.PARTNER_4;
import static io.calidrop.attention.Hadamard.PARTNER_8;
import static io.calidrop.attention.KvHead.QUAD;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.LANES;
import static io.calidrop.tensor.VectorShape.PARTIALS;

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
   * @param x holds vectors of {@code rowDim} numbers, a multiple of the partial sums, zero from
   *     {@code dim} on, where {@code at} says
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
    for (int half = 0; half < PARTIALS; half += Math.min(2 * LANES, PARTIALS)) {
      half(
          x, at, from, to, q, o + half, o1 + half, o2 + half, o3 + half, two, four, rowDim, half,
          out);
    }
  }

  /**
   * Adds the products of some partial sums: of all, or with vectors of four lanes of eight. Those
   * of dimensions eight apart meet last, which lie in two vectors or in two halves of one.
   */
  private static void half(
      float[] x,
      int[] at,
      int from,
      int to,
      float[] q,
      int o0,
      int o1,
      int o2,
      int o3,
      boolean two,
      boolean four,
      int rowDim,
      int half,
      float[] out) {
    for (int i = from; i < to; i++) {
      int k = at[i] + half;
      FloatVector a0 = FloatVector.zero(F);
      FloatVector a1 = a0;
      FloatVector a2 = a0;
      FloatVector a3 = a0;
      FloatVector b0 = a0;
      FloatVector b1 = a0;
      FloatVector b2 = a0;
      FloatVector b3 = a0;
      for (int d = 0; d < rowDim; d += PARTIALS) {
        FloatVector key = FloatVector.fromArray(F, x, k + d);
        a0 = key.fma(FloatVector.fromArray(F, q, o0 + d), a0);
        if (two) {
          a1 = key.fma(FloatVector.fromArray(F, q, o1 + d), a1);
          a2 = key.fma(FloatVector.fromArray(F, q, o2 + d), a2);
        }
        if (four) {
          a3 = key.fma(FloatVector.fromArray(F, q, o3 + d), a3);
        }
        if (LANES < PARTIALS) {
          FloatVector next = FloatVector.fromArray(F, x, k + d + LANES);
          b0 = next.fma(FloatVector.fromArray(F, q, o0 + d + LANES), b0);
          if (two) {
            b1 = next.fma(FloatVector.fromArray(F, q, o1 + d + LANES), b1);
            b2 = next.fma(FloatVector.fromArray(F, q, o2 + d + LANES), b2);
          }
          if (four) {
            b3 = next.fma(FloatVector.fromArray(F, q, o3 + d + LANES), b3);
          }
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
      } else {
        even = b0.blend(b1, HAVE_1).add(b1.blend(b0, HAVE_1).rearrange(PARTNER_1));
        odd = b2.blend(b3, HAVE_1).add(b3.blend(b2, HAVE_1).rearrange(PARTNER_1));
        FloatVector more =
            even.blend(odd, HAVE_2).add(odd.blend(even, HAVE_2).rearrange(PARTNER_2));
        if (LANES > 4) {
          more = more.add(more.rearrange(PARTNER_4));
        }
        sum = more.add(sum);
        if (half > 0) {
          sum = FloatVector.fromArray(F, out, i * QUAD).add(sum);
        }
      }
      sum.intoArray(out, i * QUAD);
    }
  }
}
