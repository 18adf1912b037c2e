package io.calidrop.attention.policy;

/** Softmax of a few scores. */
final class Softmax {
  private Softmax() {}

  /** Replaces the first {@code count} scores by their softmax. */
  static void inPlace(float[] x, int count) {
    float max = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < count; i++) {
      max = Math.max(max, x[i]);
    }
    double sum = 0;
    for (int i = 0; i < count; i++) {
      x[i] = (float) Math.exp(x[i] - max);
      sum += x[i];
    }
    for (int i = 0; i < count; i++) {
      x[i] /= (float) sum;
    }
  }
}
