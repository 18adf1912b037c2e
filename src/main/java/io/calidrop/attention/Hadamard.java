package io.calidrop.attention;

import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.LANES;

import io.calidrop.tensor.VectorMath;
import jdk.incubator.vector.FloatVector;

/**
 * Multiplies vectors by a Hadamard matrix over the root of its size, which spreads what is large in
 * one dimension over all of them: blocks of numbers become alike and lose less when they are
 * rounded. The matrix is symmetric and orthogonal, so it is its own inverse, and what is rotated by
 * it keeps its dot products.
 */
final class Hadamard {
  /** Leaves vectors as they are. */
  static final Hadamard NONE = new Hadamard(1);

  private final int size;
  private final float scale;

  private Hadamard(int size) {
    this.size = size;
    scale = (float) (1 / Math.sqrt(size));
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
    for (int half = 1; half < size; half *= 2) {
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
