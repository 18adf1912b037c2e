package io.calidrop.attention;

import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.LANES;

import io.calidrop.tensor.VectorMath;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShuffle;

/**
 * Multiplies vectors by a Hadamard matrix over the root of its size, which spreads what is large in
 * one dimension over all of them: blocks of numbers become alike and lose less when they are
 * rounded. The matrix is symmetric and orthogonal, so it is its own inverse, and what is rotated by
 * it keeps its dot products.
 */
final class Hadamard {
  /** Of a lane, the one whose number differs in one bit. */
  static final VectorShuffle<Float> PARTNERS_1 = partners(1);

  static final VectorShuffle<Float> PARTNERS_2 = partners(2);
  static final VectorShuffle<Float> PARTNERS_4 = partners(4);
  static final VectorShuffle<Float> PARTNERS_8 = partners(8);
  private static final FloatVector SIGNS_1 = signs(1);
  private static final FloatVector SIGNS_2 = signs(2);
  private static final FloatVector SIGNS_4 = signs(4);
  private static final FloatVector SIGNS_8 = signs(8);

  /** Leaves vectors as they are. */
  static final Hadamard NONE = new Hadamard(1);

  private final int size;
  private final float scale;

  private Hadamard(int size) {
    this.size = size;
    scale = (float) (1 / Math.sqrt(size));
  }

  private static VectorShuffle<Float> partners(int half) {
    return VectorShuffle.fromOp(F, lane -> lane ^ half % LANES);
  }

  private static FloatVector signs(int half) {
    float[] signs = new float[LANES];
    for (int lane = 0; lane < LANES; lane++) {
      signs[lane] = (lane & half) == 0 ? 1 : -1;
    }
    return FloatVector.fromArray(F, signs, 0);
  }

  /** Of vectors of {@code dim} dimensions: block-diagonal where that is no power of two. */
  static Hadamard of(int dim) {
    return new Hadamard(Integer.lowestOneBit(dim));
  }

  boolean isNone() {
    return size == 1;
  }

  /**
   * Rotates {@code x[from, from + length)} in place; the length is a multiple of the dimensions.
   */
  void apply(float[] x, int from, int length) {
    int inVectors = from + length / LANES * LANES;
    within(x, from, inVectors, size);
    for (int half = 1; half < Math.min(size, LANES); half *= 2) {
      for (int i = inVectors; i < from + length; i += 2 * half) {
        few(x, i, half);
      }
    }
    for (int half = LANES; half < size; half *= 2) {
      for (int i = from; i < from + length; i += 2 * half) {
        many(x, i, half);
      }
    }
    VectorMath.scale(x, from, length, scale);
  }

  /** The steps that stay within a vector: each lane and its partner become sum and difference. */
  private static void within(float[] x, int from, int to, int size) {
    for (int i = from; i < to; i += LANES) {
      FloatVector v = FloatVector.fromArray(F, x, i);
      if (size > 1) {
        v = v.fma(SIGNS_1, v.rearrange(PARTNERS_1));
      }
      if (size > 2) {
        v = v.fma(SIGNS_2, v.rearrange(PARTNERS_2));
      }
      if (size > 4 && LANES > 4) {
        v = v.fma(SIGNS_4, v.rearrange(PARTNERS_4));
      }
      if (size > 8 && LANES > 8) {
        v = v.fma(SIGNS_8, v.rearrange(PARTNERS_8));
      }
      v.intoArray(x, i);
    }
  }

  private static void few(float[] x, int i, int half) {
    for (int a = i; a < i + half; a++) {
      float sum = x[a] + x[a + half];
      x[a + half] = x[a] - x[a + half];
      x[a] = sum;
    }
  }

  private static void many(float[] x, int i, int half) {
    for (int a = i; a < i + half; a += LANES) {
      FloatVector first = FloatVector.fromArray(F, x, a);
      FloatVector second = FloatVector.fromArray(F, x, a + half);
      first.add(second).intoArray(x, a);
      first.sub(second).intoArray(x, a + half);
    }
  }
}
