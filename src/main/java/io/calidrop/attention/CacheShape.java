package io.calidrop.attention;

import java.util.stream.IntStream;

/**
 * Shape of a model's attention.
 *
 * @param heads query heads of a layer
 * @param kvHeads KV heads of a layer, a divisor of {@code heads}
 * @param headDim dimensions of a head
 * @param scores how queries and keys make scores
 * @param windows which layers see the last tokens only
 */
public record CacheShape(
    int layers, int heads, int kvHeads, int headDim, AttentionScores scores, LayerWindows windows) {
  /** With the usual scores, and every layer seeing everything. */
  public CacheShape(int layers, int heads, int kvHeads, int headDim) {
    this(layers, heads, kvHeads, headDim, AttentionScores.of(headDim));
  }

  /** With every layer seeing everything. */
  public CacheShape(int layers, int heads, int kvHeads, int headDim, AttentionScores scores) {
    this(layers, heads, kvHeads, headDim, scores, LayerWindows.NONE);
  }

  /** Query heads that share a KV head. */
  public int group() {
    return heads / kvHeads;
  }

  /** Layers that see everything, in order. */
  public int[] fullLayers() {
    return IntStream.range(0, layers).filter(layer -> !windows.has(layer)).toArray();
  }
}
