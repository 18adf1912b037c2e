package io.calidrop.model;

import io.calidrop.tensor.Matrix;
import java.util.List;

/**
 * The weights of a model. Matrices are [outputs][inputs].
 *
 * @param embedding rows of the token embedding
 * @param outputNorm [dim]
 * @param output [vocabulary][dim]
 */
record LlamaWeights(
    TokenEmbedding embedding,
    List<Layer> layers,
    float[] outputNorm,
    Matrix output,
    RotaryEmbedding rope) {

  /**
   * A transformer block.
   *
   * @param attentionNorm [dim]
   * @param query [heads * headDim][dim]
   * @param key [kvHeads * headDim][dim]
   * @param value [kvHeads * headDim][dim]
   * @param attentionOutput [dim][heads * headDim]
   * @param ffnNorm [dim]
   * @param gate [ffnDim][dim]
   * @param up [ffnDim][dim]
   * @param down [dim][ffnDim]
   */
  record Layer(
      float[] attentionNorm,
      Matrix query,
      Matrix key,
      Matrix value,
      Matrix attentionOutput,
      float[] ffnNorm,
      Matrix gate,
      Matrix up,
      Matrix down) {}
}
