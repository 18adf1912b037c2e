package io.calidrop.attention;

import java.util.Arrays;

/** The fit of calibration rows, step by step in double precision, for given clusters. */
final class RowFitOracle {
  /** What a query gives to a key, without bias, relative to all that it gave. */
  @FunctionalInterface
  interface Ratio {
    double of(int query, double[] key);
  }

  private final double[][] shares; // [queries][evicted]
  private final EvictedRows evicted;
  private final int dim;
  private final Ratio ratio;

  final int rows;
  final double[][] keys;
  final double[][] values;
  final double[] prior;
  final double[] scale;
  final double[][] fitted;

  RowFitOracle(double[][] shares, int[] cluster, EvictedRows evicted, int dim, Ratio ratio) {
    this.shares = shares;
    this.evicted = evicted;
    this.dim = dim;
    this.ratio = ratio;
    int count = evicted.count();
    int[] rowOf = new int[count + 1000];
    Arrays.fill(rowOf, -1);
    int used = 0;
    for (int i = 0; i < count; i++) {
      if (rowOf[cluster[i]] < 0) {
        rowOf[cluster[i]] = used++;
      }
    }
    rows = used;
    keys = new double[rows][dim];
    values = new double[rows][dim];
    prior = new double[rows];
    double[] weight = new double[rows];
    for (int i = 0; i < count; i++) {
      int row = rowOf[cluster[i]];
      double w = mean(i);
      weight[row] += w;
      for (int d = 0; d < dim; d++) {
        keys[row][d] += w * evicted.keys()[i * dim + d];
        values[row][d] += w * evicted.values()[i * dim + d];
      }
    }
    double[][] design = new double[shares.length][rows];
    for (int row = 0; row < rows; row++) {
      for (int d = 0; d < dim; d++) {
        keys[row][d] /= weight[row];
        values[row][d] /= weight[row];
      }
      double mean = 0;
      for (int t = 0; t < shares.length; t++) {
        design[t][row] = ratio.of(t, keys[row]);
        mean += design[t][row] / shares.length;
      }
      prior[row] = weight[row] / mean;
      for (double[] query : design) {
        query[row] *= prior[row];
      }
    }
    scale = masses(design);
    for (double[] query : design) {
      for (int row = 0; row < rows; row++) {
        query[row] *= scale[row];
      }
    }
    fitted = values(design);
  }

  private double mean(int i) {
    return Arrays.stream(shares).mapToDouble(query -> query[i]).average().orElseThrow();
  }

  int kept() {
    return (int) Arrays.stream(scale).filter(x -> x > 0).count();
  }

  private static double ridge(double[][] design) {
    double trace = 0;
    for (double[] query : design) {
      for (double m : query) {
        trace += m * m;
      }
    }
    return LeastSquares.RIDGE * trace / design[0].length;
  }

  private double[] masses(double[][] design) {
    double[] sums =
        Arrays.stream(shares).mapToDouble(query -> Arrays.stream(query).sum()).toArray();
    return nonNegative(design, sums, LeastSquares.SWEEPS, LeastSquares.TOLERANCE);
  }

  /** Non-negative least squares by coordinate descent from 1, without normal equations. */
  static double[] nonNegative(double[][] design, double[] target, int sweeps, double tolerance) {
    int n = design[0].length;
    double ridge = ridge(design);
    double[] x = new double[n];
    Arrays.fill(x, 1);
    double[] residual = new double[design.length];
    for (int t = 0; t < residual.length; t++) {
      residual[t] = Arrays.stream(design[t]).sum() - target[t];
    }
    double largest = Double.MAX_VALUE;
    for (int sweep = 0; sweep < sweeps && largest >= tolerance; sweep++) {
      largest = 0;
      for (int i = 0; i < n; i++) {
        double gradient = ridge * (x[i] - 1);
        double curvature = ridge;
        for (int t = 0; t < design.length; t++) {
          gradient += design[t][i] * residual[t];
          curvature += design[t][i] * design[t][i];
        }
        double step = Math.max(-x[i], -gradient / curvature);
        x[i] += step;
        largest = Math.max(largest, Math.abs(step));
        for (int t = 0; t < design.length; t++) {
          residual[t] += design[t][i] * step;
        }
      }
    }
    return x;
  }

  /** What non-negative least squares minimises. */
  static double objective(double[][] design, double[] target, double[] x) {
    double sum = 0;
    for (int t = 0; t < design.length; t++) {
      double residual = -target[t];
      for (int i = 0; i < x.length; i++) {
        residual += design[t][i] * x[i];
      }
      sum += residual * residual;
    }
    for (double value : x) {
      sum += ridge(design) * (value - 1) * (value - 1);
    }
    return sum;
  }

  private double[][] values(double[][] design) {
    double ridge = ridge(design);
    double[][] system = new double[rows][rows + dim];
    for (int i = 0; i < rows; i++) {
      for (int t = 0; t < design.length; t++) {
        for (int j = 0; j < rows; j++) {
          system[i][j] += design[t][i] * design[t][j];
        }
        double[] numerator = numerator(t);
        for (int d = 0; d < dim; d++) {
          system[i][rows + d] += design[t][i] * numerator[d];
        }
      }
      system[i][i] += ridge;
      for (int d = 0; d < dim; d++) {
        system[i][rows + d] += ridge * values[i][d];
      }
    }
    return gauss(system);
  }

  private double[] numerator(int query) {
    double[] sum = new double[dim];
    for (int i = 0; i < evicted.count(); i++) {
      for (int d = 0; d < dim; d++) {
        sum[d] += shares[query][i] * evicted.values()[i * dim + d];
      }
    }
    return sum;
  }

  private double[][] gauss(double[][] system) {
    for (int k = 0; k < rows; k++) {
      for (int i = 0; i < rows; i++) {
        double factor = i == k ? 0 : system[i][k] / system[k][k];
        for (int j = k; j < rows + dim && factor != 0; j++) {
          system[i][j] -= factor * system[k][j];
        }
      }
    }
    double[][] out = new double[rows][dim];
    for (int i = 0; i < rows; i++) {
      for (int d = 0; d < dim; d++) {
        out[i][d] = system[i][rows + d] / system[i][i];
      }
    }
    return out;
  }

  /** Squared residuals of mass and of numerator over the queries; no scale means 1. */
  double[] residuals(double[] prior, double[] scale, double[][] values) {
    double[] residuals = new double[2];
    for (int t = 0; t < shares.length; t++) {
      double mass = -Arrays.stream(shares[t]).sum();
      double[] numerator = numerator(t);
      for (int row = 0; row < rows; row++) {
        double m = ratio.of(t, keys[row]) * prior[row] * (scale == null ? 1 : scale[row]);
        mass += m;
        for (int d = 0; d < dim; d++) {
          numerator[d] -= m * values[row][d];
        }
      }
      residuals[0] += mass * mass;
      residuals[1] += Arrays.stream(numerator).map(x -> x * x).sum();
    }
    return residuals;
  }
}
