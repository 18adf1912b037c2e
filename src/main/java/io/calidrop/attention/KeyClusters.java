package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.KvHead.QUAD;

import io.calidrop.tensor.VectorMath;
import java.util.Arrays;

/**
 * Weighted k-means of keys (Lloyd's algorithm). The first centre is the heaviest key, each further
 * one the key whose weighted squared distance from all before is largest: so rare directions get a
 * row too, and few iterations are enough.
 *
 * <p>Distances are computed with the attention kernel's scores: the nearest centre c of a key k has
 * the largest {@code k.c - |c|^2 / 2}. One object serves one thread.
 */
final class KeyClusters {
  private static final int ITERATIONS = 2;

  private final int headDim;
  private final int max;
  private final KvHead centres;
  private final float[] centre; // [max][headDim]
  private final float[] weight; // [max]
  private final float[] halfNorms; // [max, padded to blocks]
  private final float[] scores = new float[QUAD * BLOCK];
  private float[] quads = {}; // [keys / 4][headDim][4]
  private float[] dots = {}; // [keys, padded to blocks]
  private float[] norms = {}; // [keys] squared
  private float[] best = {}; // [keys] distance or score of the best centre so far
  private int[] cluster = {}; // [keys]

  KeyClusters(int headDim, int max) {
    this.headDim = headDim;
    this.max = max;
    centres = new KvHead(new F32Keys(headDim), new F32Values(0));
    centres.extend(max);
    centre = new float[max * headDim];
    weight = new float[max];
    halfNorms = new float[Math.ceilDiv(max, BLOCK) * BLOCK];
  }

  /**
   * Assigns each key to one of {@code max} clusters.
   *
   * @param keys [count][headDim], count above max
   * @param rows the same keys
   * @param weights [count]
   */
  void run(float[] keys, F32Keys rows, float[] weights, int count) {
    load(keys, count);
    seed(keys, rows, weights, count);
    assign(count);
    for (int iteration = 1; iteration < ITERATIONS; iteration++) {
      average(keys, weights, count);
      assign(count);
    }
  }

  /** The cluster of each key. */
  int[] clusters() {
    return cluster;
  }

  private void load(float[] keys, int count) {
    if (cluster.length < count) {
      int padded = Math.ceilDiv(count, BLOCK) * BLOCK;
      quads = new float[padded * headDim];
      dots = new float[padded];
      norms = new float[padded];
      best = new float[padded];
      cluster = new int[padded];
    }
    for (int i = 0; i < count; i++) {
      int from = i * headDim;
      AttentionKernel.toQuads(keys, from, headDim, 1, quads, i);
      norms[i] = VectorMath.dot(keys, from, keys, from, headDim);
    }
  }

  private void seed(float[] keys, F32Keys rows, float[] weights, int count) {
    Arrays.fill(best, 0, count, Float.POSITIVE_INFINITY);
    int next = 0;
    for (int i = 1; i < count; i++) {
      next = weights[i] > weights[next] ? i : next;
    }
    for (int c = 0; c < max; c++) {
      System.arraycopy(keys, next * headDim, centre, c * headDim, headDim);
      for (int row = 0; row < count; row += BLOCK) {
        rows.dots(row, centre, c * headDim, dots, row);
      }
      next = farthest(weights, norms[next], count);
    }
  }

  /** Takes another centre into account; the key that is then farthest from all centres. */
  private int farthest(float[] weights, float norm, int count) {
    int at = 0;
    float most = -1;
    for (int i = 0; i < count; i++) {
      float distance = Math.min(best[i], norms[i] + norm - 2 * dots[i]);
      best[i] = distance;
      float value = distance * weights[i];
      if (value > most) {
        most = value;
        at = i;
      }
    }
    return at;
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
    Arrays.fill(weight, 0f);
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
        VectorMath.addScaled(centre, c * headDim, keys, i * headDim, headDim, share);
      }
    }
  }
}
