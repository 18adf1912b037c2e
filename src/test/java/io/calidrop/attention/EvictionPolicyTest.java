package io.calidrop.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CacheBudget.Positions;
import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.attention.policy.PyramidKvPolicy;
import io.calidrop.tensor.WorkerPool;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Each policy keeps the rows that its definition, computed in double precision, scores highest. */
@Tag("kernel")
class EvictionPolicyTest {
  private static final int HEADS = 6;
  private static final int KV_HEADS = 2;
  private static final int GROUP = HEADS / KV_HEADS;
  private static final int DIM = 16;
  private static final int TOKENS = 120;
  private static final int SINKS = 4;
  private static final int WINDOW = 8;
  private static final int BUDGET = 50;

  private final AttentionStream stream = new AttentionStream(21, HEADS, KV_HEADS, DIM, TOKENS);

  /** Positions of the rows that a head keeps when the stream is compressed once. */
  private List<Integer> kept(String policy, int kvHead) {
    CacheBudget budget =
        new CacheBudget(BUDGET, SINKS, WINDOW, 1000, Compress.ONCE, Positions.ABSOLUTE);
    CacheOptions options =
        CacheOptions.full(KvType.F32)
            .bounded(budget, EvictionPolicies.named(policy), CalibrationOptions.off());
    try (KvCache cache = stream.newCache(options, 1 << 20, 2)) {
      cache.expectPrompt(TOKENS);
      stream.run(cache, 2, from -> 17);
      HeadState head = ((BoundedCache) cache).state(0, kvHead);
      return IntStream.range(0, head.rows.rows()).mapToObj(head::position).toList();
    }
  }

  private static List<Integer> best(double[] scores, int budget) {
    int free = budget - SINKS - WINDOW;
    return IntStream.range(0, TOKENS)
        .boxed()
        .sorted(
            Comparator.comparingDouble(
                row -> row < SINKS || row >= TOKENS - WINDOW ? -1e300 : -scores[row]))
        .limit(SINKS + WINDOW + free)
        .sorted()
        .toList();
  }

  private void assertKeeps(String policy, int kvHead, double[] scores) {
    assertThat(kept(policy, kvHead)).as(policy).isEqualTo(best(scores, BUDGET));
  }

  /** Attention summed over the queries of tokens from {@code from} of all heads of a group. */
  private double[] attention(int kvHead, int from) {
    double[] sums = new double[TOKENS];
    for (int head = kvHead * GROUP; head < (kvHead + 1) * GROUP; head++) {
      double[][] weights = stream.weights(head);
      for (int t = from; t < TOKENS; t++) {
        for (int j = 0; j <= t; j++) {
          sums[j] += weights[t][j];
        }
      }
    }
    return sums;
  }

  private double[] vector(float[] rows, int row, int kvHead) {
    double[] x = new double[DIM];
    for (int d = 0; d < DIM; d++) {
      x[d] = rows[(row * KV_HEADS + kvHead) * DIM + d];
    }
    return x;
  }

  private static double dot(double[] a, double[] b) {
    return IntStream.range(0, a.length).mapToDouble(i -> a[i] * b[i]).sum();
  }

  private static double norm(double[] x) {
    return Math.sqrt(dot(x, x));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void streaming(int kvHead) {
    assertKeeps("streaming", kvHead, IntStream.range(0, TOKENS).asDoubleStream().toArray());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void h2o(int kvHead) {
    assertKeeps("h2o", kvHead, attention(kvHead, 0));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void tova(int kvHead) {
    double[] scores = attention(0, TOKENS - 1);
    double[] other = attention(1, TOKENS - 1);
    Arrays.setAll(scores, i -> scores[i] + other[i]);
    assertKeeps("tova", kvHead, scores);
  }

  private double[] snapKv(int kvHead) {
    double[] observed = attention(kvHead, TOKENS - WINDOW);
    double[] scores = new double[TOKENS];
    int end = TOKENS - WINDOW;
    for (int j = 0; j < end; j++) {
      for (int i = Math.max(0, j - 3); i <= Math.min(end - 1, j + 3); i++) {
        scores[j] += observed[i];
      }
    }
    return scores;
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void snapKvAndPyramidKvOnOneLayer(int kvHead) {
    assertKeeps("snapkv", kvHead, snapKv(kvHead));
    assertKeeps("pyramidkv", kvHead, snapKv(kvHead));
  }

  /** Rows of each head by score, when two heads share a budget and {@code own} are their own. */
  private static int[] compete(double[][] scores, int own) {
    int[] taken = {own, own};
    double[][] sorted = new double[2][];
    for (int h = 0; h < 2; h++) {
      sorted[h] = Arrays.copyOfRange(scores[h], SINKS, TOKENS - WINDOW);
      Arrays.sort(sorted[h]);
    }
    for (int left = 2 * (BUDGET - SINKS - WINDOW - own); left > 0; left--) {
      double first = sorted[0][sorted[0].length - 1 - taken[0]];
      double second = sorted[1][sorted[1].length - 1 - taken[1]];
      taken[first >= second ? 0 : 1]++;
    }
    return taken;
  }

  @Test
  void adaKv() {
    double[][] scores = {snapKv(0), snapKv(1)};
    int[] taken = compete(scores, (int) (0.2 * (BUDGET - SINKS - WINDOW)));
    for (int h = 0; h < 2; h++) {
      assertThat(kept("adakv", h)).isEqualTo(best(scores[h], SINKS + WINDOW + taken[h]));
    }
    assertThat(kept("adakv", 0).size() + kept("adakv", 1).size()).isEqualTo(2 * BUDGET);
  }

  /** The last tokens of a stream stand for the others read again, in two pieces. */
  @Test
  void kvzip() {
    int piece = 20;
    AttentionStream longer = new AttentionStream(22, HEADS, KV_HEADS, DIM, TOKENS + piece);
    double[][] scores = new double[KV_HEADS][TOKENS];
    for (int head = 0; head < HEADS; head++) {
      double[][] weights = longer.weights(head);
      for (int t = TOKENS; t < TOKENS + piece; t++) {
        for (int j = 0; j < TOKENS; j++) {
          double[] best = scores[head / GROUP];
          best[j] = Math.max(best[j], weights[t][j]);
        }
      }
    }
    CacheBudget budget =
        new CacheBudget(BUDGET, SINKS, WINDOW, 1000, Compress.ONCE, Positions.ABSOLUTE);
    CacheOptions options =
        CacheOptions.full(KvType.F32)
            .bounded(budget, EvictionPolicies.named("kvzip"), CalibrationOptions.off());
    try (KvCache cache = longer.newCache(options, 1 << 20, 2);
        WorkerPool pool = new WorkerPool(2)) {
      cache.expectPrompt(TOKENS);
      longer.run(cache, 2, from -> 17, 0, TOKENS);
      assertThat(cache.isReadingDue()).isTrue();
      for (int i = 0; i < 2; i++) {
        cache.beginReading(piece);
        longer.run(cache, 2, from -> piece, TOKENS, TOKENS + piece);
        cache.endReading(pool, i == 1);
        assertThat(cache.seen()).isEqualTo(TOKENS);
      }
      assertThat(cache.isReadingDue()).isFalse();
      int[] taken = compete(scores, 0);
      for (int h = 0; h < KV_HEADS; h++) {
        HeadState head = ((BoundedCache) cache).state(0, h);
        assertThat(IntStream.range(0, head.rows.rows()).mapToObj(head::position).toList())
            .isEqualTo(best(scores[h], SINKS + WINDOW + taken[h]));
      }
      assertThat(taken[0]).isNotEqualTo(taken[1]);
    }
  }

  @Test
  void pyramidKvGivesLowerLayersMoreAndAllTogetherAsMuch() {
    PyramidKvPolicy policy = new PyramidKvPolicy();
    for (int budget : new int[] {36, 64, 101, 512}) {
      for (int layers : new int[] {1, 2, 7, 30}) {
        int total = 0;
        int previous = 1 << 20;
        int last = 0;
        for (int layer = 0; layer < layers; layer++) {
          int[] out = new int[3];
          policy.divide(
              new LayerCandidates(layer, layers, budget, budget, 36, new float[3][], null, null),
              out);
          assertThat(out[1]).isEqualTo(out[0]).isBetween(36, policy.mostRows(budget, 3));
          assertThat(out[0]).isLessThanOrEqualTo(previous + 1);
          previous = out[0];
          last = out[0];
          total += out[0];
        }
        assertThat(total).isEqualTo(layers * budget);
        if (layers > 1) {
          assertThat((double) last - 36).isCloseTo((budget - 36) / 20.0, within(1.0));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void knormAndKeyDiff(int kvHead) {
    float[] keys = stream.rotated(stream.keys, 0, TOKENS, KV_HEADS, 0);
    double[] norms = new double[TOKENS];
    double[] mean = new double[DIM];
    for (int row = 0; row < TOKENS; row++) {
      double[] key = vector(keys, row, kvHead);
      norms[row] = -norm(key);
      for (int d = 0; d < DIM; d++) {
        mean[d] += key[d] / norm(key);
      }
    }
    assertKeeps("knorm", kvHead, norms);
    double[] scores = new double[TOKENS];
    Arrays.setAll(
        scores, row -> dot(vector(keys, row, kvHead), mean) / norms[row]); // norms are negative
    assertKeeps("keydiff", kvHead, scores);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void caoteAroundH2o(int kvHead) {
    double[] attention = attention(kvHead, 0);
    double sum = Arrays.stream(attention).sum();
    double[] output = new double[DIM];
    for (int row = 0; row < TOKENS; row++) {
      double[] value = vector(stream.values, row, kvHead);
      for (int d = 0; d < DIM; d++) {
        output[d] += attention[row] / sum * value[d];
      }
    }
    double[] scores = new double[TOKENS];
    for (int row = 0; row < TOKENS; row++) {
      double a = attention[row] / sum;
      double[] value = vector(stream.values, row, kvHead);
      for (int d = 0; d < DIM; d++) {
        value[d] -= output[d];
      }
      scores[row] = a / (1 - a) * norm(value);
    }
    assertKeeps("caote:h2o", kvHead, scores);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void expectedAttention(int kvHead) {
    float[] keys = stream.rotated(stream.keys, 0, TOKENS, KV_HEADS, 0);
    int stride = QuerySample.DEFAULT_WINDOW / QuerySample.DEFAULT_SAMPLES;
    List<Integer> samples =
        IntStream.range(0, TOKENS).filter(t -> (t + 1) % stride == 0).boxed().toList();
    double[] scores = new double[TOKENS];
    for (int head = kvHead * GROUP; head < (kvHead + 1) * GROUP; head++) {
      double[][] queries = new double[samples.size()][];
      double[] mean = new double[DIM];
      for (int i = 0; i < queries.length; i++) {
        queries[i] = new double[DIM];
        for (int d = 0; d < DIM; d++) {
          queries[i][d] = stream.queries[(samples.get(i) * HEADS + head) * DIM + d];
          mean[d] += queries[i][d] / queries.length;
        }
      }
      double[] logits = new double[TOKENS];
      double sum = 0;
      for (int row = 0; row < TOKENS; row++) {
        // k.R x = (R'k).x : the key is turned back by the mean rotation
        double[] turned = turnedBack(vector(keys, row, kvHead));
        double variance = 0;
        for (double[] query : queries) {
          double deviation = dot(turned, query) - dot(turned, mean);
          variance += deviation * deviation / queries.length;
        }
        logits[row] = Math.exp(dot(turned, mean) / Math.sqrt(DIM) + variance / (2 * DIM));
        sum += logits[row];
      }
      for (int row = 0; row < TOKENS; row++) {
        scores[row] += logits[row] / sum;
      }
    }
    Arrays.setAll(scores, row -> scores[row] * norm(vector(stream.values, row, kvHead)));
    assertKeeps("expected", kvHead, scores);
  }

  /** The transposed mean of the rotations to the 512 positions after the stream, applied. */
  private static double[] turnedBack(double[] key) {
    double[] out = new double[DIM];
    for (int position = TOKENS; position < TOKENS + 512; position++) {
      for (int d = 0; d < DIM; d += 2) {
        double angle = -position * Math.pow(1000, -(double) d / DIM);
        out[d] += (key[d] * Math.cos(angle) - key[d + 1] * Math.sin(angle)) / 512;
        out[d + 1] += (key[d] * Math.sin(angle) + key[d + 1] * Math.cos(angle)) / 512;
      }
    }
    return out;
  }

  @Test
  void randomRepeatsAndDiffersBetweenHeads() {
    assertThat(kept("random", 0)).isEqualTo(kept("random", 0)).isNotEqualTo(kept("random", 1));
  }

  @Test
  void equalScoresGoToTheLowerPositionAndNoNumberIsLowest() {
    RowSelection selection = new RowSelection();
    float[] scores = {0, 0, Float.NaN, 1, 1, -1, 0f, -0f, 2};
    boolean[] kept = selection.select(scores, 9, 1, 9, 4);
    assertThat(Arrays.copyOf(kept, 9))
        .containsExactly(true, true, false, true, true, false, false, false, true);
    assertThat(Arrays.copyOf(selection.select(scores, 9, 3, 5, 0), 9))
        .containsExactly(true, true, true, false, false, true, true, true, true);
  }

  @Test
  void optionsOfTheSameNamesAndNumbersAreEqual() {
    for (String name : EvictionPolicies.names()) {
      assertThat(named(name, 64, 16)).isEqualTo(named(name, 64, 16));
    }
    assertThat(named("caote:expected", 64, 16)).isEqualTo(named("caote:expected", 64, 16));
    assertThat(named("expected", 64, 16)).isNotEqualTo(named("expected", 64, 32));
    assertThat(named("expected", 64, 16)).doesNotHaveToString(named("expected", 64, 32).toString());
    assertThat(named("caote:h2o", 64, 16)).isNotEqualTo(named("caote:tova", 64, 16));
    assertThat(EvictionPolicies.names()).contains(EvictionPolicies.DEFAULT);
  }

  private static CacheOptions named(String name, int window, int samples) {
    return CacheOptions.full(KvType.F16)
        .bounded(
            CacheBudget.of(64),
            EvictionPolicies.named(name, new QuerySample(window, samples)),
            CalibrationOptions.paper(0.5f, 0.5f));
  }
}
