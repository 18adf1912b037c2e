package io.calidrop.attention;

/**
 * Shape of a model's attention.
 *
 * @param heads query heads of a layer
 * @param kvHeads KV heads of a layer, a divisor of {@code heads}
 * @param headDim dimensions of a head
 * @param scores how queries and keys make scores
 */
public record CacheShape(int layers, int heads, int kvHeads, int headDim, AttentionScores scores) {
  /** With the usual scores. */
  public CacheShape(int layers, int heads, int kvHeads, int headDim) {
    this(layers, heads, kvHeads, headDim, AttentionScores.of(headDim));
  }

  /** Query heads that share a KV head. */
  public int group() {
    return heads / kvHeads;
  }
}
