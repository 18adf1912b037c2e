package io.calidrop.attention.policy;

import io.calidrop.tensor.VectorMath;

/** Lengths of vectors. */
final class Norms {
  private Norms() {}

  static float l2(float[] x) {
    return (float) Math.sqrt(VectorMath.dot(x, 0, x, 0, x.length));
  }

  /** Scales a vector to length 1; a zero vector stays. */
  static void normalise(float[] x) {
    float norm = l2(x);
    for (int d = 0; d < x.length && norm > 0; d++) {
      x[d] /= norm;
    }
  }
}
