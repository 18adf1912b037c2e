package io.calidrop.attention;

import io.calidrop.tensor.VectorMath;
import java.util.Arrays;

/**
 * The two small regularised least-squares problems of a fold, on normal equations of up to {@code
 * max} unknowns. Both pull towards a prior, so that a column that the data say nothing about stays
 * what it was. Buffers are used again.
 */
final class LeastSquares {
  /** Share of the mean diagonal of the normal matrix that the pull towards the prior weighs. */
  static final double RIDGE = 1e-2;

  /** Most rounds over the unknowns, and the largest step of one that ends them. */
  static final int SWEEPS = 60;

  static final float TOLERANCE = 1e-3f;

  private final int max;
  private final float[]
      factor; // [n][max] normal matrix, then above the diagonal its Cholesky factor L'
  private final float[] gradient; // [n]

  LeastSquares(int max) {
    this.max = max;
    factor = new float[max * max];
    gradient = new float[max];
  }

  private static float ridge(float[] gram, int n, int stride) {
    double trace = 0;
    for (int i = 0; i < n; i++) {
      trace += gram[i * stride + i];
    }
    return (float) (RIDGE * trace / n);
  }

  /**
   * Minimises {@code |M x - a|^2 + ridge |x - 1|^2} over {@code x >= 0}, by coordinate descent from
   * 1: each step lowers the objective, so the residual never exceeds that of 1.
   *
   * @param gram [n][stride] of {@code M'M}
   * @param target [n] of {@code M'a}
   * @param x [n], overwritten
   */
  void nonNegative(float[] gram, int n, int stride, float[] target, float[] x) {
    float ridge = ridge(gram, n, stride);
    Arrays.fill(x, 0, n, 1);
    // gradient = (gram + ridge) x - target - ridge; at x = 1 the ridge cancels
    for (int i = 0; i < n; i++) {
      float sum = -target[i];
      for (int j = 0; j < n; j++) {
        sum += gram[i * stride + j];
      }
      gradient[i] = sum;
    }
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
      float largest = 0;
      for (int i = 0; i < n; i++) {
        float diagonal = gram[i * stride + i] + ridge;
        if (!(diagonal > 0)) {
          continue;
        }
        float step = Math.max(-x[i], -gradient[i] / diagonal);
        if (step != 0) {
          x[i] += step;
          VectorMath.addScaled(gradient, 0, gram, i * stride, n, step);
          gradient[i] += ridge * step;
          largest = Math.max(largest, Math.abs(step));
        }
      }
      if (largest < TOLERANCE) {
        return;
      }
    }
  }

  /**
   * Minimises {@code |M V - Y|^2 + ridge |V - P|^2}.
   *
   * @param gram [n][stride] of {@code M'M}
   * @param target [n][columns] of {@code M'Y}
   * @param prior [n][columns] P
   * @param out [n][columns] V, overwritten
   */
  void ridge(
      float[] gram, int n, int stride, float[] target, float[] prior, int columns, float[] out) {
    float ridge = ridge(gram, n, stride);
    if (!(ridge > 0)) {
      System.arraycopy(prior, 0, out, 0, n * columns);
      return;
    }
    System.arraycopy(target, 0, out, 0, n * columns);
    VectorMath.addScaled(out, 0, prior, 0, n * columns, ridge);
    factorise(gram, n, stride, ridge);
    for (int i = 0; i < n; i++) { // forwards: L Z = target + ridge P
      for (int j = 0; j < i; j++) {
        VectorMath.addScaled(out, i * columns, out, j * columns, columns, -factor[j * max + i]);
      }
      VectorMath.scale(out, i * columns, columns, 1 / factor[i * max + i]);
    }
    for (int i = n - 1; i >= 0; i--) { // backwards: L' V = Z
      for (int j = i + 1; j < n; j++) {
        VectorMath.addScaled(out, i * columns, out, j * columns, columns, -factor[i * max + j]);
      }
      VectorMath.scale(out, i * columns, columns, 1 / factor[i * max + i]);
    }
  }

  /** L' of the matrix plus the ridge, {@code L L'} by Cholesky; positive definite by the ridge. */
  private void factorise(float[] gram, int n, int stride, float ridge) {
    for (int i = 0; i < n; i++) {
      System.arraycopy(gram, i * stride, factor, i * max, n);
      factor[i * max + i] += ridge;
    }
    for (int k = 0; k < n; k++) {
      float pivot = (float) Math.sqrt(Math.max(factor[k * max + k], ridge * 1e-3f));
      factor[k * max + k] = pivot;
      VectorMath.scale(factor, k * max + k + 1, n - k - 1, 1 / pivot);
      for (int i = k + 1; i < n; i++) {
        VectorMath.addScaled(factor, i * max + i, factor, k * max + i, n - i, -factor[k * max + i]);
      }
    }
  }
}
