package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.KvHead.QUAD;

import io.calidrop.tensor.VectorMath;
import java.util.Arrays;

/**
 * Fits calibration rows to what evicted rows gave to the last queries.
 *
 * <p>With shares {@code A_ti = exp(s_ti + b_i - lse_t)} of the evicted rows, with scores {@code s}:
 * their keys are clustered into as many rows as there may be; a row's key and value are means
 * weighted by attention; its mass is fitted by non-negative least squares to {@code sum_i A_ti},
 * its value by ridge regression to {@code sum_i A_ti v_i}. A query counts for tokens that came
 * after it too: the rows are for queries to come, which follow them all. Old calibration rows are
 * evicted rows like others, so folding again and again is one operation. Related to Attention
 * Matching (arXiv 2602.16284), which fits all rows of a cache; here retained rows stay exact.
 *
 * <p>All large products run through the attention kernel's two loops. One object serves one thread.
 */
final class RowFit {
  private final int headDim;
  private final int valueDim;
  private final int capacity;
  private final int columns; // capacity, padded to blocks
  private final F32Keys evictedKeys;
  private final KvHead evicted;
  private final KvHead fitted;
  private final FitQueries queries;
  private final KeyClusters clusters;
  private final LeastSquares solver;
  private final float[] scores = new float[QUAD * BLOCK];

  /* What the last queries saw of the evicted rows. */
  private float[] bias = {}; // [evicted, padded]
  private float[] weights = {}; // [evicted, padded] mean share
  private float[] roots = {}; // [evicted] their square roots
  private final float[] mass; // [queries] sum_i A_ti
  private final float[] numerator; // [queries, padded][valueDim] sum_i A_ti v_i

  /* The rows before the fit. */
  private int rows;
  private final int[] rowOf; // [capacity] row of a cluster
  private final float[] rowWeight; // [capacity] sum of weights
  private final float[] keys; // [capacity][headDim]
  private final float[] values; // [capacity][valueDim]
  private final int[] positions; // [capacity] of the evicted row with the nearest key
  private final float[] distances; // [capacity] to that key

  /* The fit: M_tc is what query t gives to row c. */
  private final float[] design; // [queries, padded][columns] M
  private final float[] transposed; // [query blocks][columns][BLOCK] M'
  private final float[] prior; // [columns] mass of a row, so that the mean of M is its weight
  private final float[] zeros; // [columns]
  private final float[] product; // [columns][columns] M'M
  private final float[] target; // [columns] M' mass
  private final float[] projected; // [columns][valueDim] M' numerator
  private final float[] scale; // [columns] fitted mass relative to the prior
  private final float[] fittedValues; // [capacity][valueDim]
  private final float[] combined; // [valueDim]

  RowFit(CacheShape shape, int capacity, int samples) {
    int group = shape.group();
    headDim = shape.headDim();
    this.capacity = capacity;
    valueDim = ValueRows.valueDim(headDim);
    columns = Math.ceilDiv(capacity, BLOCK) * BLOCK;
    evictedKeys = new F32Keys(headDim);
    evicted = new KvHead(evictedKeys, new F32Values(headDim));
    fitted = new KvHead(new F32Keys(headDim), new F32Values(0));
    queries = new FitQueries(shape, samples * group);
    clusters = new KeyClusters(headDim, capacity);
    solver = new LeastSquares(columns);
    int padded = Math.ceilDiv(samples * group, BLOCK) * BLOCK;
    mass = new float[padded];
    numerator = new float[padded * valueDim];
    rowOf = new int[capacity];
    rowWeight = new float[capacity];
    keys = new float[capacity * headDim];
    values = new float[capacity * valueDim];
    positions = new int[capacity];
    distances = new float[capacity];
    design = new float[padded * columns];
    transposed = new float[padded * columns];
    prior = new float[columns];
    zeros = new float[columns];
    product = new float[columns * columns];
    target = new float[columns];
    projected = new float[columns * valueDim];
    scale = new float[columns];
    fittedValues = new float[capacity * valueDim];
    combined = new float[valueDim];
  }

  /**
   * Replaces a head's calibration rows.
   *
   * @param rows the present calibration rows, overwritten
   * @param evicted the present calibration rows and then the newly evicted ones, by position
   * @param ring the last queries
   * @param seen tokens that the sequence has had
   */
  void fold(CalibrationRows rows, EvictedRows evicted, QueryRing ring, long seen) {
    if (evicted.count() <= capacity) {
      keep(rows, evicted);
      return;
    }
    load(evicted);
    queries.load(ring, seen);
    observe(evicted.count());
    cluster(evicted);
    if (this.rows == 0) {
      return; // nobody looked at any of it: what stood there before stays
    }
    design();
    multiply();
    solve();
    rows.clear();
    for (int row = 0; row < this.rows; row++) {
      float bias = (float) Math.log(prior[row] * scale[row]);
      if (Float.isFinite(bias)) {
        rows.add(keys, row * headDim, fittedValues, row * valueDim, bias, positions[row]);
      }
    }
  }

  private static void keep(CalibrationRows rows, EvictedRows evicted) {
    int headDim = rows.rows.headDim;
    rows.clear();
    for (int row = 0; row < evicted.count(); row++) {
      int o = row * headDim;
      rows.add(evicted.keys(), o, evicted.values(), o, evicted.bias()[row], evicted.position(row));
    }
  }

  private void load(EvictedRows rows) {
    int count = rows.count();
    evicted.truncate(0);
    evicted.extend(count);
    if (roots.length < count) {
      int padded = Math.ceilDiv(count, BLOCK) * BLOCK;
      bias = new float[padded];
      weights = new float[padded];
      roots = new float[padded];
    }
    System.arraycopy(rows.bias(), 0, bias, 0, count);
    for (int row = 0; row < count; row++) {
      evicted.set(row, rows.keys(), row * headDim, rows.values(), row * headDim);
    }
  }

  /** Shares of the evicted rows: the mean of each, and per query their sum and weighted values. */
  private void observe(int count) {
    int padded = Math.ceilDiv(queries.count(), BLOCK) * BLOCK;
    Arrays.fill(weights, 0f);
    Arrays.fill(mass, 0, padded, 0f);
    Arrays.fill(numerator, 0, padded * valueDim, 0f);
    for (int row = 0; row < count; row += BLOCK) {
      int n = Math.min(BLOCK, count - row);
      for (int first = 0; first < queries.count(); first += QUAD) {
        queries.scores(evicted, row, first, scores);
        queries.shares(first, row, n, bias, scores, mass);
        for (int t = 0; t < QUAD; t++) {
          VectorMath.add(weights, row, scores, t * BLOCK, BLOCK);
        }
        evicted.accumulate(row, n, scores, numerator, first * valueDim, null);
      }
    }
    for (int row = 0; row < count; row++) {
      weights[row] /= queries.count();
      roots[row] = (float) Math.sqrt(weights[row]);
    }
  }

  /** The rows before the fit: means of the clusters that have any weight. */
  private void cluster(EvictedRows evicted) {
    clusters.run(evicted.keys(), evictedKeys, roots, evicted.count());
    int[] cluster = clusters.clusters();
    Arrays.fill(rowOf, -1);
    Arrays.fill(rowWeight, 0f);
    rows = 0;
    for (int i = 0; i < evicted.count(); i++) {
      if (weights[i] > 0) {
        int c = cluster[i];
        if (rowOf[c] < 0) {
          rowOf[c] = rows++;
        }
        rowWeight[rowOf[c]] += weights[i];
      }
    }
    Arrays.fill(keys, 0, rows * headDim, 0f);
    Arrays.fill(values, 0, rows * valueDim, 0f);
    for (int i = 0; i < evicted.count(); i++) {
      int row = rowOf[cluster[i]];
      if (weights[i] > 0) {
        float share = weights[i] / rowWeight[row];
        VectorMath.addScaled(keys, row * headDim, evicted.keys(), i * headDim, headDim, share);
        VectorMath.addScaled(values, row * valueDim, evicted.values(), i * headDim, headDim, share);
      }
    }
    Arrays.fill(distances, Float.POSITIVE_INFINITY);
    for (int i = 0; i < evicted.count(); i++) {
      int row = rowOf[cluster[i]];
      if (row >= 0) {
        float distance = distance(keys, row * headDim, evicted.keys(), i * headDim);
        if (distance < distances[row]) {
          distances[row] = distance;
          positions[row] = evicted.position(i);
        }
      }
    }
  }

  private float distance(float[] x, int o, float[] y, int i) {
    float sum = 0;
    for (int d = 0; d < headDim; d++) {
      float difference = x[o + d] - y[i + d];
      sum += difference * difference;
    }
    return sum;
  }

  /** M with the prior mass of each row: its mean over queries is the row's weight. */
  private void design() {
    fitted.truncate(0);
    fitted.extend(columns);
    for (int row = 0; row < rows; row++) {
      fitted.setKey(row, keys, row * headDim);
    }
    Arrays.fill(prior, 0f);
    for (int column = 0; column < columns; column += BLOCK) {
      int n = Math.clamp(rows - column, 0, BLOCK);
      for (int first = 0; first < queries.count(); first += QUAD) {
        queries.scores(fitted, column, first, scores);
        queries.ratios(first, column, n, zeros, scores);
        for (int t = 0; t < QUAD && first + t < queries.count(); t++) {
          System.arraycopy(scores, t * BLOCK, design, (first + t) * columns + column, BLOCK);
          VectorMath.add(prior, column, scores, t * BLOCK, BLOCK);
        }
      }
    }
    for (int row = 0; row < rows; row++) {
      float mass = rowWeight[row] * queries.count() / prior[row];
      prior[row] = Float.isFinite(mass) ? mass : 0; // a key so far off that its mass underflows
    }
    int padded = Math.ceilDiv(queries.count(), BLOCK) * BLOCK;
    Arrays.fill(design, queries.count() * columns, padded * columns, 0f);
    for (int query = 0; query < queries.count(); query++) {
      int block = query / BLOCK * columns * BLOCK + query % BLOCK;
      for (int c = 0; c < columns; c++) {
        float m = design[query * columns + c] * prior[c];
        design[query * columns + c] = m;
        transposed[block + c * BLOCK] = m;
      }
    }
    int used = queries.count() % BLOCK;
    for (int c = 0; c < columns && used > 0; c++) {
      int from = queries.count() / BLOCK * columns * BLOCK + c * BLOCK;
      Arrays.fill(transposed, from + used, from + BLOCK, 0f);
    }
  }

  /** M'M, M' mass and M' numerator. */
  private void multiply() {
    Arrays.fill(product, 0f);
    Arrays.fill(projected, 0f);
    Arrays.fill(target, 0);
    for (int query = 0; query < queries.count(); query += BLOCK) {
      int n = Math.min(BLOCK, queries.count() - query);
      for (int c = 0; c < rows; c += QUAD) {
        System.arraycopy(transposed, (query * columns) + c * BLOCK, scores, 0, QUAD * BLOCK);
        F32Values.accumulate(design, query * columns, columns, n, scores, product, c * columns);
        F32Values.accumulate(
            numerator, query * valueDim, valueDim, n, scores, projected, c * valueDim);
        for (int t = 0; t < QUAD; t++) {
          target[c + t] += VectorMath.dot(scores, t * BLOCK, mass, query, BLOCK);
        }
      }
    }
  }

  private void solve() {
    solver.nonNegative(product, rows, columns, target, scale);
    double before = residual(values);
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < rows; j++) {
        product[i * columns + j] *= scale[i] * scale[j];
      }
      VectorMath.scale(projected, i * valueDim, valueDim, scale[i]);
    }
    solver.ridge(product, rows, columns, projected, values, valueDim, fittedValues);
    if (!(residual(fittedValues) <= before)) {
      Arrays.fill(scale, 0, rows, 1);
      System.arraycopy(values, 0, fittedValues, 0, rows * valueDim);
    }
  }

  /** {@code |M V - Y|^2 - |Y|^2} of some values, from the normal equations. */
  private double residual(float[] v) {
    double sum = 0;
    for (int i = 0; i < rows; i++) {
      Arrays.fill(combined, 0f);
      for (int j = 0; j < rows; j++) {
        VectorMath.addScaled(combined, 0, v, j * valueDim, valueDim, product[i * columns + j]);
      }
      VectorMath.addScaled(combined, 0, projected, i * valueDim, valueDim, -2);
      sum += VectorMath.dot(v, i * valueDim, combined, 0, valueDim);
    }
    return sum;
  }
}
