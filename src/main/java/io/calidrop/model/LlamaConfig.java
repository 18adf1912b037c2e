package io.calidrop.model;

import io.calidrop.attention.AttentionScores;
import io.calidrop.attention.CacheShape;
import io.calidrop.attention.LayerWindows;
import io.calidrop.model.family.Architecture;

/**
 * Shape of a model.
 *
 * @param architecture its family
 * @param dim width of the residual stream
 * @param ffnDim width of the feed-forward layer
 * @param headDim width of a head, {@code attention.key_length} or {@code dim / heads}
 * @param vocabulary tokens that can be read and predicted; matrices may have padding rows beyond
 * @param contextLength positions the model was trained on
 * @param experts of each feed-forward layer
 * @param windows which layers see the last tokens only
 */
public record LlamaConfig(
    Architecture architecture,
    String name,
    int layers,
    int dim,
    int ffnDim,
    int heads,
    int kvHeads,
    int headDim,
    int vocabulary,
    int contextLength,
    float normEpsilon,
    RopeConfig rope,
    Scales scales,
    Experts experts,
    LayerWindows windows) {

  /**
   * Factors that some families have; 1 is none.
   *
   * @param embedding of the token embeddings
   * @param residual of what a layer adds to the residual
   * @param attention of the scores, usually the inverse root of a head's dimensions
   * @param logits what the logits are divided by
   * @param attentionCap {@code c} in {@code c * tanh(score / c)}, 0 for none
   * @param logitCap the same of the logits
   * @param temperature how attention is sharpened with the logarithm of the position, 0 for not
   */
  public record Scales(
      float embedding,
      float residual,
      float attention,
      float logits,
      float attentionCap,
      float logitCap,
      float temperature) {}

  /**
   * A mixture of experts.
   *
   * @param count experts of a layer, 0 where the layer is dense
   * @param used experts that a token goes through
   * @param ffnDim width of an expert
   */
  public record Experts(int count, int used, int ffnDim) {}

  /** Query heads that share one KV head. */
  public int group() {
    return heads / kvHeads;
  }

  /** Shape of the attention. */
  public CacheShape cacheShape() {
    AttentionScores scores = new AttentionScores(scales.attention(), scales.attentionCap());
    return new CacheShape(layers, heads, kvHeads, headDim, scores, windows);
  }

  public int queryDim() {
    return heads * headDim;
  }

  public int kvDim() {
    return kvHeads * headDim;
  }

  /** Whether a layer rotates queries and keys. */
  boolean isRotated(int layer) {
    int every = architecture.unrotatedEvery();
    return every == 0 || (layer + 1) % every != 0;
  }
}
