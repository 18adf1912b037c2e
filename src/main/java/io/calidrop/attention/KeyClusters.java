package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.KvHead.QUAD;

import io.calidrop.tensor.VectorMath;
import java.util.Arrays;

/**
 * Weighted k-means of keys, with the attention kernel's scores for distances: a key's nearest
 * centre c is the one with the largest {@code k.c - |c|^2 / 2}.
 */
final class KeyClusters {
  private static final int ITERATIONS = 3;

  private final int headDim;
  private final int max;
  private final F32KvHead centres;
  private final float[] centre; // [max][headDim] weighted sums, then means
  private final float[] weight; // [max]
  private final float[] halfNorms; // [max, padded to blocks]
  private final float[] scores = new float[QUAD * BLOCK];
  private float[] quads = {}; // [keys / 4][headDim][4]
  private int[] cluster = {}; // [keys]
  private float[] best = {}; // [keys]

  KeyClusters(int headDim, int max) {
    this.headDim = headDim;
    this.max = max;
    centres = new F32KvHead(headDim, 0);
    centres.extend(max);
    centre = new float[max * headDim];
    weight = new float[max];
    halfNorms = new float[Math.ceilDiv(max, BLOCK) * BLOCK];
  }

  /**
   * Assigns each key to one of {@code max} clusters.
   *
   * @param keys [count][headDim], count above max
   * @param weights [count]
   */
  void run(float[] keys, float[] weights, int count) {
    load(keys, count);
    seed(keys, weights, count);
    for (int iteration = 0; iteration < ITERATIONS; iteration++) {
      assign(count);
      if (iteration + 1 < ITERATIONS) {
        average(keys, weights, count);
      }
    }
  }

  private void seed(float[] keys, float[] weights, int count) {
    int next = 0;
    for (int i = 0; i < count; i++) {
      best[i] = Float.POSITIVE_INFINITY;
      if (weights[i] > weights[next]) next = i;
    }
    for (int c = 0; c < max; c++) {
      System.arraycopy(keys, next * headDim, centre, c * headDim, headDim);
      int at = next;
      float most = -1;
      next = 0;
      for (int i = 0; i < count; i++) {
        float sum = 0;
        for (int d = 0; d < headDim; d++) {
          float e = keys[i * headDim + d] - keys[at * headDim + d];
          sum += e * e;
        }
        best[i] = Math.min(best[i], sum);
        float value = best[i] * weights[i];
        if (value > most) {
          most = value;
          next = i;
        }
      }
    }
  }

  /** The cluster of each key. */
  int[] clusters() {
    return cluster;
  }

  private void load(float[] keys, int count) {
    int padded = Math.ceilDiv(count, QUAD) * QUAD;
    if (cluster.length < padded) {
      quads = new float[padded * headDim];
      cluster = new int[padded];
      best = new float[padded];
    }
    for (int i = 0; i < count; i++) {
      int to = i / QUAD * QUAD * headDim + i % QUAD;
      for (int d = 0; d < headDim; d++) {
        quads[to + d * QUAD] = keys[i * headDim + d];
      }
    }
  }

  private void assign(int count) {
    Arrays.fill(halfNorms, Float.POSITIVE_INFINITY);
    for (int c = 0; c < max; c++) {
      int o = c * headDim;
      centres.setKey(c, centre, o);
      halfNorms[c] = VectorMath.dot(centre, o, centre, o, headDim) / 2;
    }
    Arrays.fill(best, 0, count, Float.NEGATIVE_INFINITY);
    for (int block = 0; block < max; block += BLOCK) {
      for (int i = 0; i < count; i += QUAD) {
        centres.scores(block, quads, i * headDim, scores, null);
        for (int t = 0; t < QUAD; t++) {
          nearest(i + t, block, t * BLOCK);
        }
      }
    }
  }

  private void nearest(int key, int block, int from) {
    float most = best[key];
    int at = cluster[key];
    for (int c = 0; c < BLOCK; c++) {
      float score = scores[from + c] - halfNorms[block + c];
      if (score > most) {
        most = score;
        at = block + c;
      }
    }
    best[key] = most;
    cluster[key] = at;
  }

  private void average(float[] keys, float[] weights, int count) {
    Arrays.fill(weight, 0);
    for (int i = 0; i < count; i++) {
      weight[cluster[i]] += weights[i];
    }
    for (int c = 0; c < max; c++) {
      if (weight[c] > 0) {
        Arrays.fill(centre, c * headDim, (c + 1) * headDim, 0f);
      }
    }
    for (int i = 0; i < count; i++) {
      int c = cluster[i];
      if (weight[c] > 0) {
        float share = weights[i] / weight[c];
        for (int d = 0; d < headDim; d++) {
          centre[c * headDim + d] += share * keys[i * headDim + d];
        }
      }
    }
  }
}
