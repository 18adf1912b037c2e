package io.calidrop.model;

import io.calidrop.attention.CacheShape;

/**
 * Shape of a Llama-family model.
 *
 * @param dim width of the residual stream
 * @param ffnDim width of the feed-forward layer
 * @param headDim width of a head, {@code llama.attention.key_length} or {@code dim / heads}
 * @param ropeDim leading dimensions of a head that are rotated
 * @param vocabulary tokens that can be read and predicted; matrices may have padding rows beyond
 * @param contextLength positions the model was trained on
 * @param ropeScale linear position scale: positions are divided by it
 */
public record LlamaConfig(
    String name,
    int layers,
    int dim,
    int ffnDim,
    int heads,
    int kvHeads,
    int headDim,
    int vocabulary,
    int contextLength,
    int ropeDim,
    float ropeBase,
    float ropeScale,
    float normEpsilon) {

  /** Query heads that share one KV head. */
  public int group() {
    return heads / kvHeads;
  }

  /** Shape of the attention. */
  public CacheShape cacheShape() {
    return new CacheShape(layers, heads, kvHeads, headDim);
  }

  public int queryDim() {
    return heads * headDim;
  }

  public int kvDim() {
    return kvHeads * headDim;
  }
}
