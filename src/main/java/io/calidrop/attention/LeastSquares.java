package io.calidrop.attention;

import java.util.Arrays;

/**
 * The two small regularised least-squares problems of a fold, on normal equations of up to {@code
 * max} unknowns. Both pull towards a prior, so that a column that the data say nothing about stays
 * what it was. Buffers are used again.
 */
final class LeastSquares {
  /** Share of the mean diagonal of the normal matrix that the pull towards the prior weighs. */
  static final double RIDGE = 1e-2;

  private static final int SWEEPS = 60;
  private static final double TOLERANCE = 1e-4;

  private final int max;
  private final double[] factor; // [n][max] normal matrix, then its Cholesky factor
  private final double[] gradient; // [n]
  private double[] right = {}; // [n][columns]

  LeastSquares(int max) {
    this.max = max;
    factor = new double[max * max];
    gradient = new double[max];
  }

  private static double ridge(double[] gram, int n, int stride) {
    double trace = 0;
    for (int i = 0; i < n; i++) {
      trace += gram[i * stride + i];
    }
    return RIDGE * trace / n;
  }

  /**
   * Minimises {@code |M x - a|^2 + ridge |x - 1|^2} over {@code x >= 0}, by coordinate descent from
   * 1: each step lowers the objective, so the residual never exceeds that of 1.
   *
   * @param gram [n][stride] of {@code M'M}
   * @param target [n] of {@code M'a}
   * @param x [n], overwritten
   */
  void nonNegative(double[] gram, int n, int stride, double[] target, double[] x) {
    double ridge = ridge(gram, n, stride);
    Arrays.fill(x, 0, n, 1);
    // gradient = (gram + ridge) x - target - ridge; at x = 1 the ridge cancels
    for (int i = 0; i < n; i++) {
      double sum = -target[i];
      for (int j = 0; j < n; j++) {
        sum += gram[i * stride + j];
      }
      gradient[i] = sum;
    }
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
      double largest = 0;
      for (int i = 0; i < n; i++) {
        double diagonal = gram[i * stride + i] + ridge;
        if (!(diagonal > 0)) {
          continue;
        }
        double step = Math.max(-x[i], -gradient[i] / diagonal);
        if (step != 0) {
          x[i] += step;
          addScaled(gradient, 0, gram, i * stride, n, step);
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
      double[] gram, int n, int stride, float[] target, float[] prior, int columns, float[] out) {
    double ridge = ridge(gram, n, stride);
    if (!(ridge > 0)) {
      System.arraycopy(prior, 0, out, 0, n * columns);
      return;
    }
    if (right.length < n * columns) {
      right = new double[max * columns];
    }
    for (int i = 0; i < n * columns; i++) {
      right[i] = target[i] + ridge * prior[i];
    }
    factorise(gram, n, stride, ridge);
    for (int i = 0; i < n; i++) { // forwards: L z = right
      for (int j = 0; j < i; j++) {
        addScaled(right, i * columns, right, j * columns, columns, -factor[i * max + j]);
      }
      scale(right, i * columns, columns, 1 / factor[i * max + i]);
    }
    for (int i = n - 1; i >= 0; i--) { // backwards: L' V = z
      for (int j = i + 1; j < n; j++) {
        addScaled(right, i * columns, right, j * columns, columns, -factor[j * max + i]);
      }
      scale(right, i * columns, columns, 1 / factor[i * max + i]);
    }
    for (int i = 0; i < n * columns; i++) {
      out[i] = (float) right[i];
    }
  }

  /** Cholesky factor of the matrix plus the ridge; positive definite by the ridge. */
  private void factorise(double[] gram, int n, int stride, double ridge) {
    for (int i = 0; i < n; i++) {
      System.arraycopy(gram, i * stride, factor, i * max, n);
      factor[i * max + i] += ridge;
    }
    for (int k = 0; k < n; k++) {
      double pivot = Math.sqrt(Math.max(factor[k * max + k], ridge * 1e-6));
      factor[k * max + k] = pivot;
      // Row k right of the diagonal holds column k below it: rows are updated along themselves.
      scale(factor, k * max + k + 1, n - k - 1, 1 / pivot);
      for (int i = k + 1; i < n; i++) {
        addScaled(factor, i * max + i, factor, k * max + i, n - i, -factor[k * max + i]);
      }
    }
    for (int i = 0; i < n; i++) {
      for (int j = i + 1; j < n; j++) {
        factor[j * max + i] = factor[i * max + j];
      }
    }
  }

  private static void addScaled(double[] x, int i, double[] y, int j, int n, double factor) {
    for (int k = 0; k < n; k++) {
      x[i + k] += factor * y[j + k];
    }
  }

  private static void scale(double[] x, int i, int n, double factor) {
    for (int k = 0; k < n; k++) {
      x[i + k] *= factor;
    }
  }
}
