package io.calidrop.attention;

import io.calidrop.tensor.WorkerPool;
import java.util.Arrays;
import java.util.Random;
import java.util.function.IntFunction;

/**
 * Attention of one layer over a stream of random tokens, through a cache like that of a session,
 * and its definition in double precision.
 */
final class AttentionStream {
  final int heads;
  final int kvHeads;
  final int headDim;
  final int tokens;

  /** [tokens][heads][headDim] before rotation. */
  final float[] queries;

  /** [tokens][kvHeads][headDim] before rotation. */
  final float[] keys;

  /** [tokens][kvHeads][headDim]. */
  final float[] values;

  private final AttentionScores scores;

  AttentionStream(long seed, int heads, int kvHeads, int headDim, int tokens) {
    this(seed, heads, kvHeads, headDim, tokens, AttentionScores.of(headDim));
  }

  AttentionStream(
      long seed, int heads, int kvHeads, int headDim, int tokens, AttentionScores scores) {
    this.scores = scores;
    this.heads = heads;
    this.kvHeads = kvHeads;
    this.headDim = headDim;
    this.tokens = tokens;
    Random random = new Random(seed);
    queries = gaussian(random, tokens * heads * headDim, 1.5f);
    keys = gaussian(random, tokens * kvHeads * headDim, 1);
    values = gaussian(random, tokens * kvHeads * headDim, 1);
    // Neighbouring queries are alike, as a model's are.
    for (int i = heads * headDim; i < queries.length; i++) {
      queries[i] = 0.8f * queries[i - heads * headDim] + 0.6f * queries[i];
    }
  }

  private static float[] gaussian(Random random, int n, float deviation) {
    float[] x = new float[n];
    for (int i = 0; i < n; i++) {
      x[i] = deviation * (float) random.nextGaussian();
    }
    return x;
  }

  CacheShape shape() {
    return new CacheShape(1, heads, kvHeads, headDim, scores);
  }

  /** Rotary embedding of neighbouring pairs. */
  static PositionRotation rotation(int headDim) {
    return (x, offset, delta) -> {
      for (int d = 0; d + 1 < headDim; d += 2) {
        double angle = delta * Math.pow(1000, -(double) d / headDim);
        double cos = Math.cos(angle);
        double sin = Math.sin(angle);
        float a = x[offset + d];
        float b = x[offset + d + 1];
        x[offset + d] = (float) (a * cos - b * sin);
        x[offset + d + 1] = (float) (a * sin + b * cos);
      }
    };
  }

  KvCache newCache(CacheOptions options, int contextLength, int threads) {
    return KvCache.of(shape(), options, contextLength, threads, rotation(headDim));
  }

  /** Outputs [tokens][heads][headDim] of a run in batches of at most {@code batch} tokens. */
  float[] run(CacheOptions options, int threads, int batch) {
    return run(options, threads, batch, 0);
  }

  /** The same with so many tokens that read lightly. */
  float[] run(CacheOptions options, int threads, int batch, int light) {
    try (KvCache cache = newCache(options, 1 << 20, threads)) {
      cache.expectPrompt(tokens);
      cache.readLightly(light);
      return run(cache, threads, at -> batch);
    }
  }

  /** The same on a cache, with batch sizes by the token that they begin at. */
  float[] run(KvCache cache, int threads, IntFunction<Integer> batches) {
    return run(cache, threads, batches, 0, tokens);
  }

  /** The same of tokens {@code [first, end)} only. */
  float[] run(KvCache cache, int threads, IntFunction<Integer> batches, int first, int end) {
    int stride = heads * headDim;
    int kvStride = kvHeads * headDim;
    float[] out = new float[tokens * stride];
    try (WorkerPool pool = new WorkerPool(threads)) {
      AttentionStep step = new AttentionStep(shape(), threads);
      int count;
      for (int from = first; from < end; from += count) {
        count = Math.min(Math.min(batches.apply(from), cache.room()), end - from);
        cache.begin(pool);
        float[] q = rotated(queries, from, count, heads, cache.position());
        float[] k = rotated(keys, from, count, kvHeads, cache.position());
        cache.extend(0, count);
        for (int t = 0; t < count; t++) {
          float[] key = Arrays.copyOfRange(k, t * kvStride, (t + 1) * kvStride);
          float[] value =
              Arrays.copyOfRange(values, (from + t) * kvStride, (from + t + 1) * kvStride);
          cache.store(0, count, t, key, value, 0);
        }
        float[] part = new float[count * stride];
        step.run(pool, TokenBatch.of(cache, count), 0, q, part, stride);
        cache.end(pool, count);
        System.arraycopy(part, 0, out, from * stride, part.length);
      }
    }
    return out;
  }

  /** Rotated vectors [count][n][headDim] of tokens from {@code from}. */
  float[] rotated(float[] x, int from, int count, int n, int position) {
    float[] out = new float[count * n * headDim];
    System.arraycopy(x, from * n * headDim, out, 0, out.length);
    PositionRotation rotation = rotation(headDim);
    for (int t = 0; t < count; t++) {
      for (int h = 0; h < n; h++) {
        rotation.rotate(out, (t * n + h) * headDim, position + t);
      }
    }
    return out;
  }

  /** The score of a dot product, by the definition. */
  static double score(AttentionScores scores, double dot) {
    double score = dot * scores.scale();
    double cap = scores.softCap();
    return cap == 0 ? score : cap * Math.tanh(score / cap);
  }

  /** Softmax weights [tokens][token + 1] of a head's queries over all keys, by the definition. */
  double[][] weights(int head) {
    float[] q = rotated(queries, 0, tokens, heads, 0);
    float[] k = rotated(keys, 0, tokens, kvHeads, 0);
    int kvHead = head / (heads / kvHeads);
    double[][] weights = new double[tokens][];
    for (int t = 0; t < tokens; t++) {
      weights[t] = new double[t + 1];
      double sum = 0;
      for (int j = 0; j <= t; j++) {
        double score = 0;
        for (int d = 0; d < headDim; d++) {
          score +=
              (double) q[(t * heads + head) * headDim + d]
                  * k[(j * kvHeads + kvHead) * headDim + d];
        }
        weights[t][j] = Math.exp(score(scores, score));
        sum += weights[t][j];
      }
      for (int j = 0; j <= t; j++) {
        weights[t][j] /= sum;
      }
    }
    return weights;
  }
}
