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
  /** Leaves vectors as they are. */
  static final Hadamard NONE = new Hadamard(1);

  /** Of a lane, the one whose number differs in one bit. */
  static final VectorShuffle<Float> PARTNER_1 = partner(1);

  static final VectorShuffle<Float> PARTNER_2 = partner(2);
  static final VectorShuffle<Float> PARTNER_4 = partner(4);
  static final VectorShuffle<Float> PARTNER_8 = partner(8);

  /** [1, 2, 4, 8][lane] -1 where the partner has a lower lane. */
  private static final float[] SIGNS = signs();

  private final int size;
  private final float scale;

  private Hadamard(int size) {
    this.size = size;
    scale = (float) (1 / Math.sqrt(size));
  }

  private static VectorShuffle<Float> partner(int half) {
    return VectorShuffle.fromOp(F, lane -> lane ^ half % LANES);
  }

  private static float[] signs() {
    float[] signs = new float[4 * LANES];
    for (int i = 0; i < signs.length; i++) {
      signs[i] = (i % LANES & 1 << i / LANES) == 0 ? 1 : -1;
    }
    return signs;
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
    if (isNone()) {
      return;
    }
    int half = 1;
    if (size >= LANES) {
      withinVectors(x, from, length);
      half = LANES;
    }
    for (; half < size; half *= 2) {
      for (int i = from; i < from + length; i += 2 * half) {
        if (half < LANES) {
          few(x, i, half);
        } else {
          many(x, i, half);
        }
      }
    }
    VectorMath.scale(x, from, length, scale);
  }

  /**
   * All steps within vectors: a lane gets the sum of itself and its partner, or its partner less
   * itself. Multiplying by one is exact, so the bits are those of {@link #few}.
   */
  private static void withinVectors(float[] x, int from, int length) {
    FloatVector sign1 = FloatVector.fromArray(F, SIGNS, 0);
    FloatVector sign2 = FloatVector.fromArray(F, SIGNS, LANES);
    FloatVector sign4 = FloatVector.fromArray(F, SIGNS, 2 * LANES);
    FloatVector sign8 = FloatVector.fromArray(F, SIGNS, 3 * LANES);
    for (int i = from; i < from + length; i += LANES) {
      FloatVector v = FloatVector.fromArray(F, x, i);
      v = v.fma(sign1, v.rearrange(PARTNER_1));
      v = v.fma(sign2, v.rearrange(PARTNER_2));
      if (LANES > 4) {
        v = v.fma(sign4, v.rearrange(PARTNER_4));
      }
      if (LANES > 8) {
        v = v.fma(sign8, v.rearrange(PARTNER_8));
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
