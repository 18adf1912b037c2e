package io.calidrop.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calidrop.tensor.WorkerPool;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Attention against its definition in double precision. */
@Tag("kernel")
class AttentionTest {

  @ParameterizedTest
  @CsvSource({
    "F32, 4, 2, 64, 1",
    "F32, 9, 3, 64, 17",
    "F32, 8, 1, 80, 300",
    "F32, 2, 2, 128, 513",
    "F32, 6, 2, 20, 64",
    "F16, 9, 3, 64, 1",
    "F16, 9, 3, 64, 300",
    "F16, 8, 2, 96, 129",
    "F16, 5, 1, 16, 700",
    "Q8_0, 9, 3, 64, 300",
    "Q8_0, 8, 2, 80, 65",
    "Q8_0, 4, 4, 128, 257",
    "Q5_0, 9, 3, 64, 300",
    "Q5_0, 2, 1, 20, 70",
    "Q5_0, 4, 2, 256, 129",
    "Q4_0, 9, 3, 64, 300",
    "Q4_0, 8, 2, 80, 65",
    "Q4_0, 4, 4, 128, 257"
  })
  void agreesWithTheDefinition(KvType type, int heads, int kvHeads, int headDim, int tokens) {
    assertAgrees(KvTypes.of(type), new CacheShape(1, heads, kvHeads, headDim), tokens);
  }

  @ParameterizedTest
  @EnumSource(KvType.class)
  void agreesWithTheDefinitionUnderAModelsOwnScaleAndSoftCap(KvType type) {
    assertAgrees(KvTypes.of(type), new CacheShape(1, 6, 2, 64, new AttentionScores(0.07f)), 300);
    assertAgrees(
        KvTypes.of(type), new CacheShape(1, 6, 2, 64, new AttentionScores(0.2f, 1.5f)), 300);
  }

  @ParameterizedTest
  @EnumSource(KvType.class)
  void keysAndValuesMayBeOfAnyTwoTypes(KvType keys) {
    for (KvType values : KvType.values()) {
      assertAgrees(new KvTypes(keys, values), new CacheShape(1, 6, 2, 48), 140);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = KvType.class,
      names = {"Q5_0", "Q4_0"})
  void theNewestRowsOfAFullCacheAreNearlyExact(KvType type) {
    AttentionStream stream = new AttentionStream(5, 6, 2, 64, 200);
    float[] exact = stream.run(CacheOptions.full(KvType.F32), 1, 200);
    float[] packed = stream.run(CacheOptions.full(type), 1, 200);
    int width = 6 * 64;
    double recent = distance(exact, packed, 0, NewestRows.LEAST * width);
    double later = distance(exact, packed, 150 * width, 200 * width);
    assertThat(recent).isLessThan(0.01).isLessThan(0.2 * later);
    assertThat(NewestRows.first(NewestRows.LEAST + KvHead.BLOCK - 1)).isZero();
    assertThat(NewestRows.first(NewestRows.LEAST + KvHead.BLOCK)).isEqualTo(KvHead.BLOCK);
  }

  /** Relative distance of two vectors' parts. */
  private static double distance(float[] x, float[] y, int from, int to) {
    double distance = 0;
    double norm = 0;
    for (int i = from; i < to; i++) {
      distance += Math.pow(x[i] - y[i], 2);
      norm += Math.pow(x[i], 2);
    }
    return Math.sqrt(distance / norm);
  }

  private static void assertAgrees(KvTypes types, CacheShape shape, int tokens) {
    int heads = shape.heads();
    int kvHeads = shape.kvHeads();
    int headDim = shape.headDim();
    Random random = new Random(heads + headDim + tokens);
    int qStride = heads * headDim;
    int kvStride = kvHeads * headDim;
    float[] q = gaussian(random, tokens * qStride);
    float[] k = gaussian(random, tokens * kvStride);
    float[] v = gaussian(random, tokens * kvStride);
    double tolerance = Math.max(tolerance(types.keys()), tolerance(types.values()));
    float[] batch = new float[tokens * qStride];
    float[] single = new float[tokens * qStride];
    try (WorkerPool pool = new WorkerPool(2)) {
      AttentionStep step = new AttentionStep(shape, 2);
      KvCache cache = cache(shape, types);
      cache.extend(0, tokens);
      for (int t = 0; t < tokens; t++) {
        cache.store(0, tokens, t, k, v, t * kvStride);
      }
      step.run(pool, TokenBatch.of(cache, tokens), 0, q, batch, qStride);

      KvCache other = cache(shape, types);
      float[] one = new float[qStride];
      float[] out = new float[qStride];
      for (int t = 0; t < tokens; t++) {
        other.extend(0, 1);
        other.store(0, 1, 0, k, v, t * kvStride);
        System.arraycopy(q, t * qStride, one, 0, qStride);
        step.run(pool, TokenBatch.of(other, 1), 0, one, out, qStride);
        System.arraycopy(out, 0, single, t * qStride, qStride);
      }
    }
    assertThat(batch).as("the same bits in a batch and one by one").isEqualTo(single);
    for (int t = 0; t < tokens; t += Math.max(1, tokens / 50)) {
      for (int h = 0; h < heads; h++) {
        double[] expected =
            attend(
                q,
                t * qStride + h * headDim,
                k,
                v,
                h / (heads / kvHeads) * headDim,
                kvStride,
                shape,
                t);
        for (int d = 0; d < headDim; d++) {
          assertThat((double) batch[t * qStride + h * headDim + d])
              .as("token %d, head %d, dimension %d", t, h, d)
              .isCloseTo(expected[d], within(tolerance * 4));
        }
      }
    }
  }

  private static double tolerance(KvType type) {
    return switch (type) {
      case F32 -> 2e-6;
      case F16 -> 2e-3;
      case Q8_0 -> 3e-2;
      case Q5_0 -> 0.15;
      case Q4_0 -> 0.3;
    };
  }

  private static KvCache cache(CacheShape shape, KvTypes types) {
    return KvCache.of(shape, CacheOptions.full(types), 1000, 2, (x, offset, delta) -> {});
  }

  private static float[] gaussian(Random random, int n) {
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = (float) random.nextGaussian();
    }
    return x;
  }

  private static double[] attend(
      float[] q,
      int qOffset,
      float[] k,
      float[] v,
      int kvOffset,
      int stride,
      CacheShape shape,
      int last) {
    int dim = shape.headDim();
    double[] weights = new double[last + 1];
    double sum = 0;
    for (int j = 0; j <= last; j++) {
      double score = 0;
      for (int d = 0; d < dim; d++) {
        score += (double) q[qOffset + d] * k[j * stride + kvOffset + d];
      }
      weights[j] = Math.exp(AttentionStream.score(shape.scores(), score));
      sum += weights[j];
    }
    double[] out = new double[dim];
    for (int j = 0; j <= last; j++) {
      for (int d = 0; d < dim; d++) {
        out[d] += weights[j] / sum * v[j * stride + kvOffset + d];
      }
    }
    return out;
  }

  @Test
  void partialsMergeToThatOfTheUnionAndTheEmptySetIsNeutral() {
    int dim = 64;
    CacheShape shape = new CacheShape(1, 1, 1, dim);
    int rows = 3 * AttentionKernel.SEGMENT + 11;
    Random random = new Random(5);
    float[] k = gaussian(random, rows * dim);
    float[] v = gaussian(random, rows * dim);
    float[] q = gaussian(random, dim);
    KvHead head = KvTypes.of(KvType.F32).newHead(dim);
    head.extend(rows);
    for (int row = 0; row < rows; row++) {
      head.set(row, k, row * dim, v, row * dim);
    }
    AttentionScratch scratch = new AttentionScratch(shape, dim, 1);
    AttentionKernel.load(head, q, 0, dim, 1, 1, scratch);
    float[] expected = new float[dim];
    double[] exact = attend(q, 0, k, v, 0, dim, shape, rows - 1);
    int[][] orders = {{0, 1, 2, 3}, {3, 1, 0, 2}, {2, 3, 1, 0}};
    for (int[] order : orders) {
      SoftmaxPartials all = new SoftmaxPartials(4, head.valueDim);
      SoftmaxPartials empty = new SoftmaxPartials(4, head.valueDim);
      empty.clear(4);
      all.clear(4);
      all.merge(0, empty, 0);
      for (int segment : order) {
        AttentionKernel.attend(
            head, segment, rows, LayerWindows.EVERYTHING, 1, 1, scratch, null, all);
        all.merge(0, empty, 0);
      }
      all.finish(0, expected, 0, dim);
      for (int d = 0; d < dim; d++) {
        assertThat((double) expected[d]).isCloseTo(exact[d], within(1e-6));
      }
    }
  }
}
