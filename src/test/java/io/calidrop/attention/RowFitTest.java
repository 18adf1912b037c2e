package io.calidrop.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Fitted calibration rows, and the solvers they come from, against scalar double precision. */
@Tag("kernel")
class RowFitTest {

  /** A head's evicted rows and its last queries. */
  private static final class Case {
    final int dim;
    final int group;
    final EvictedRows evicted;
    final QueryRing ring;
    final int samples;
    final AttentionScores scores;

    Case(long seed, int dim, int group, int rows, int samples, AttentionScores scores) {
      this.scores = scores;
      this.dim = dim;
      this.group = group;
      this.samples = samples;
      Random random = new Random(seed);
      KvHead head = KvTypes.of(KvType.F32).newHead(dim);
      head.extend(rows);
      evicted = new EvictedRows(dim);
      float[] key = new float[dim];
      float[] value = new float[dim];
      for (int row = 0; row < rows; row++) {
        fill(key, random, 1);
        fill(value, random, 1);
        head.set(row, key, 0, value, 0);
        evicted.add(head, row, row < 5 ? 1.5f * (float) random.nextGaussian() : 0, row);
      }
      ring = new QueryRing(samples, samples, group, dim, true);
      for (int t = 0; t < samples; t++) {
        for (int h = 0; h < group; h++) {
          fill(key, random, 1.5f);
          ring.put(t, rows + t, h, key, 0, 5 + (float) random.nextGaussian());
        }
      }
    }

    private static void fill(float[] x, Random random, float deviation) {
      for (int d = 0; d < x.length; d++) {
        x[d] = deviation * (float) random.nextGaussian();
      }
    }

    int queries() {
      return samples * group;
    }

    /** {@code exp(score + bias - lse)}. */
    double share(int query, float[] keys, int offset, double bias) {
      float[] q = new float[dim];
      ring.get(query / group, query % group, q, 0);
      double score = 0;
      for (int d = 0; d < dim; d++) {
        score += (double) q[d] * keys[offset + d];
      }
      return Math.exp(
          AttentionStream.score(scores, score)
              + bias
              - ring.logSumExp(query / group, query % group));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 64, 3, 150, 32, 64, 0",
    "2, 20, 1, 90, 40, 16, 0",
    "3, 16, 4, 65, 9, 64, 0",
    "4, 80, 2, 200, 50, 70, 0",
    "5, 128, 1, 40, 8, 3, 0",
    "6, 8, 5, 300, 3, 130, 0",
    "7, 64, 3, 150, 32, 64, 1.5",
    "8, 16, 2, 90, 40, 16, 2"
  })
  void theFitMatchesTheSameStepsInDoublePrecisionAndLowersBothResiduals(
      long seed, int dim, int group, int rows, int samples, int capacity, float softCap) {
    AttentionScores scores = new AttentionScores(AttentionScores.of(dim).scale(), softCap);
    Case data = new Case(seed, dim, group, rows, samples, scores);
    CalibrationRows fitted = new CalibrationRows(capacity, dim, KvTypes.of(KvType.F32));
    RowFit fit = new RowFit(new CacheShape(1, group, 1, dim, scores), capacity, samples);
    fit.fold(fitted, data.evicted, data.ring, samples);
    assertThat(fitted.count()).isBetween(1, capacity);

    RowFitOracle oracle = oracle(data, capacity);
    assertThat(fitted.count()).isEqualTo(oracle.kept());
    float[] x = new float[dim];
    for (int row = 0, i = 0; i < oracle.rows; i++) {
      if (oracle.scale[i] == 0) {
        continue;
      }
      double bias = Math.log(oracle.prior[i] * oracle.scale[i]);
      assertThat((double) fitted.bias(row)).as("bias %d", row).isCloseTo(bias, within(0.02));
      fitted.rows.getKey(row, x, 0);
      for (int d = 0; d < dim; d++) {
        assertThat((double) x[d]).isCloseTo(oracle.keys[i][d], within(1e-4));
      }
      fitted.rows.getValue(row, x, 0);
      for (int d = 0; d < dim; d++) {
        assertThat((double) x[d])
            .as("value %d of row %d", d, row)
            .isCloseTo(oracle.fitted[i][d], within(0.02));
      }
      row++;
    }

    double[] before = oracle.residuals(oracle.prior, null, oracle.values);
    double[] after = oracle.residuals(oracle.prior, oracle.scale, oracle.fitted);
    assertThat(after[0]).as("mass").isLessThanOrEqualTo(before[0] * (1 + 1e-6));
    assertThat(after[1]).as("numerator").isLessThanOrEqualTo(before[1] * (1 + 1e-6));
  }

  /** The definition, with the clusters that the implementation found. */
  private static RowFitOracle oracle(Case data, int capacity) {
    int count = data.evicted.count();
    double[][] shares = new double[data.queries()][count];
    float[] roots = new float[count];
    for (int i = 0; i < count; i++) {
      for (int t = 0; t < shares.length; t++) {
        shares[t][i] = data.share(t, data.evicted.keys(), i * data.dim, data.evicted.bias()[i]);
        roots[i] += (float) (shares[t][i] / shares.length);
      }
      roots[i] = (float) Math.sqrt(roots[i]);
    }
    KeyClusters clusters = new KeyClusters(data.dim, capacity);
    F32Keys keys = new F32Keys(data.dim);
    KvHead head = new KvHead(keys, new F32Values(data.dim));
    head.extend(count);
    for (int i = 0; i < count; i++) {
      head.set(i, data.evicted.keys(), i * data.dim, data.evicted.values(), i * data.dim);
    }
    clusters.run(data.evicted.keys(), keys, roots, count);
    return new RowFitOracle(
        shares,
        clusters.clusters(),
        data.evicted,
        data.dim,
        (query, key) -> {
          float[] floats = new float[data.dim];
          for (int d = 0; d < data.dim; d++) {
            floats[d] = (float) key[d];
          }
          return data.share(query, floats, 0, 0);
        });
  }

  @Test
  void rowsThatFitAreKeptAsTheyAre() {
    Case data = new Case(7, 16, 2, 20, 8, AttentionScores.of(16));
    CalibrationRows rows = new CalibrationRows(20, 16, KvTypes.of(KvType.F32));
    new RowFit(new CacheShape(1, 2, 1, 16), 20, 8).fold(rows, data.evicted, data.ring, 8);
    assertThat(rows.count()).isEqualTo(20);
    float[] key = new float[16];
    for (int row = 0; row < 20; row++) {
      rows.rows.getKey(row, key, 0);
      float bias = Float.float16ToFloat(Float.floatToFloat16(data.evicted.bias()[row]));
      assertThat(rows.bias(row)).isEqualTo(bias);
      assertThat(key[3]).isEqualTo(data.evicted.keys()[row * 16 + 3]);
    }
  }

  @Test
  void clustersFindSeparatedGroupsAndAssignToTheNearest() {
    int dim = 12;
    int groups = 7;
    Random random = new Random(8);
    float[] centres = new float[groups * dim];
    Case.fill(centres, random, 10);
    int count = 100;
    float[] keys = new float[count * dim];
    float[] weights = new float[count];
    F32Keys rows = new F32Keys(dim);
    KvHead head = new KvHead(rows, new F32Values(0));
    head.extend(count);
    for (int i = 0; i < count; i++) {
      for (int d = 0; d < dim; d++) {
        keys[i * dim + d] = centres[i % groups * dim + d] + 0.1f * (float) random.nextGaussian();
      }
      weights[i] = random.nextFloat() + 0.01f;
      head.setKey(i, keys, i * dim);
    }
    KeyClusters clusters = new KeyClusters(dim, groups);
    clusters.run(keys, rows, weights, count);
    for (int i = groups; i < count; i++) {
      assertThat(clusters.clusters()[i]).isEqualTo(clusters.clusters()[i % groups]);
    }
    assertThat(Arrays.stream(clusters.clusters(), 0, groups).distinct().count()).isEqualTo(groups);
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "2, 5", "3, 17", "4, 64", "5, 70"})
  void nonNegativeLeastSquaresComesCloseToTheOptimum(long seed, int n) {
    Random random = new Random(seed);
    int stride = n + 3;
    double[][] m = new double[2 * n][n];
    double[] a = new double[2 * n];
    for (int t = 0; t < m.length; t++) {
      a[t] = random.nextDouble() - 0.2;
      for (int i = 0; i < n; i++) {
        m[t][i] = random.nextDouble() * 2 / n;
      }
    }
    float[] gram = new float[n * stride];
    float[] target = new float[n];
    for (int t = 0; t < m.length; t++) {
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
          gram[i * stride + j] += (float) (m[t][i] * m[t][j]);
        }
        target[i] += (float) (m[t][i] * a[t]);
      }
    }
    float[] x = new float[n];
    new LeastSquares(stride).nonNegative(gram, n, stride, target, x);
    double[] found = new double[n];
    double[] ones = new double[n];
    for (int i = 0; i < n; i++) {
      assertThat(x[i]).isNotNegative();
      found[i] = x[i];
      ones[i] = 1;
    }
    double best = RowFitOracle.objective(m, a, RowFitOracle.nonNegative(m, a, 20_000, 0));
    double start = RowFitOracle.objective(m, a, ones);
    assertThat(RowFitOracle.objective(m, a, found) - best)
        .isLessThanOrEqualTo(0.02 * (start - best) + 1e-6);
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1", "2, 5, 3", "3, 17, 32", "4, 64, 64"})
  void ridgeRegressionSolvesItsNormalEquations(long seed, int n, int columns) {
    Random random = new Random(seed);
    int stride = n + 1;
    float[] design = new float[(n + 4) * n];
    Case.fill(design, random, 1);
    float[] gram = new float[n * stride];
    double trace = 0;
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        for (int t = 0; t < n + 4; t++) {
          gram[i * stride + j] += design[t * n + i] * design[t * n + j];
        }
      }
      trace += gram[i * stride + i];
    }
    float[] target = new float[n * columns];
    float[] prior = new float[n * columns];
    Case.fill(target, random, 1);
    Case.fill(prior, random, 1);
    float[] v = new float[n * columns];
    new LeastSquares(stride).ridge(gram, n, stride, target, prior, columns, v);
    double ridge = LeastSquares.RIDGE * trace / n;
    for (int i = 0; i < n; i++) {
      for (int c = 0; c < columns; c++) {
        double sum =
            ridge * (v[i * columns + c] - prior[i * columns + c]) - target[i * columns + c];
        for (int j = 0; j < n; j++) {
          sum += gram[i * stride + j] * v[j * columns + c];
        }
        assertThat(sum).isCloseTo(0, within(2e-3 * Math.max(1, trace / n)));
      }
    }
  }
}
