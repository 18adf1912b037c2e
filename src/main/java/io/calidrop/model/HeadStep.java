package io.calidrop.model;

import io.calidrop.model.family.Architecture.HeadNorms;
import io.calidrop.tensor.VectorMath;
import java.util.List;

/** What is done to a token's queries, keys and values between their product and attention. */
final class HeadStep {
  private final LlamaConfig config;
  private final int[] rotationOf; // [layers]
  private final int pairs;
  private final int maxBatch;
  private final float[] angles; // [rotations][batch][pairs][2] cosines and sines
  private final float[][] norm; // [threads][the longest normalised vector]

  HeadStep(LlamaConfig config, Rotations rotations, int threads, int maxBatch) {
    this.config = config;
    this.maxBatch = maxBatch;
    rotationOf = new int[config.layers()];
    for (int layer = 0; layer < rotationOf.length; layer++) {
      rotationOf[layer] = rotations.ofLayer(layer);
    }
    pairs = rotations.pairs();
    angles = new float[rotations.count() * maxBatch * 2 * pairs];
    boolean norms = config.architecture().headNorms() != HeadNorms.NONE;
    norm = new float[threads][norms ? config.queryDim() : 0];
  }

  /** Computes the angles of a token, once for all layers. */
  void position(int token, int position, List<RotaryEmbedding> rotations) {
    for (int i = 0; i < rotations.size(); i++) {
      rotations.get(i).angles(position, angles, offset(i, token));
    }
  }

  private int offset(int rotation, int token) {
    return (rotation * maxBatch + token) * 2 * pairs;
  }

  /**
   * Completes a token's queries and keys, rotated, and values, in place.
   *
   * @param query [heads * headDim] at {@code q}
   * @param key [kvHeads * headDim] at {@code k}
   * @param value [kvHeads * headDim] at {@code k}
   */
  void run(
      int layer,
      LlamaWeights.Attention weights,
      List<RotaryEmbedding> rotations,
      int token,
      int position,
      float[] query,
      int q,
      float[] key,
      float[] value,
      int k,
      int worker) {
    add(query, q, weights.queryBias());
    add(key, k, weights.keyBias());
    add(value, k, weights.valueBias());
    if (weights.queryNorm() != null) {
      normalise(query, q, config.queryDim(), weights.queryNorm(), norm[worker]);
      normalise(key, k, config.kvDim(), weights.keyNorm(), norm[worker]);
    }
    int rotation = rotationOf[layer];
    if (rotation >= 0) {
      int a = offset(rotation, token);
      rotations.get(rotation).rotate(query, q, config.heads(), angles, a);
      rotations.get(rotation).rotate(key, k, config.kvHeads(), angles, a);
    }
    float factor = temperature(position);
    if (factor != 1) {
      VectorMath.scale(query, q, config.queryDim(), factor);
    }
  }

  private static void add(float[] x, int offset, float[] bias) {
    if (bias != null) {
      VectorMath.add(x, offset, bias, 0, bias.length);
    }
  }

  /** Normalises every {@code weight.length} of {@code n} elements in place. */
  private void normalise(float[] x, int offset, int n, float[] weight, float[] norm) {
    for (int i = 0; i < n; i += weight.length) {
      VectorMath.rmsNorm(x, offset + i, weight, config.normEpsilon(), norm, 0);
      System.arraycopy(norm, 0, x, offset + i, weight.length);
    }
  }

  /** Attention that is sharpened with the logarithm of the position. */
  private float temperature(int position) {
    float factor = config.scales().temperature();
    if (factor == 0) {
      return 1;
    }
    double contexts = Math.floor((double) position / config.rope().originalContext());
    return (float) (Math.log(contexts + 1) * factor + 1);
  }
}
