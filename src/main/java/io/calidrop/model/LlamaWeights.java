package io.calidrop.model;

import io.calidrop.tensor.Matrix;
import java.util.List;
import java.util.stream.Stream;

/**
 * The weights of a model. Matrices are [outputs][inputs]; what a family lacks is null.
 *
 * @param embedding rows of the token embedding
 * @param outputNorm [dim]
 * @param output [vocabulary][dim]
 * @param rotations of queries and keys
 */
record LlamaWeights(
    TokenEmbedding embedding,
    List<Layer> layers,
    float[] outputNorm,
    Matrix output,
    Rotations rotations) {

  /**
   * A transformer block.
   *
   * @param ffnNorm [dim] of what the feed-forward layer reads
   * @param feedForward null where there are experts
   * @param router [experts][dim], null where there are none
   * @param experts empty where there are none
   * @param ffnOutputNorm [dim] of what the feed-forward layer adds to the residual
   */
  record Layer(
      Attention attention,
      float[] ffnNorm,
      FeedForward feedForward,
      Matrix router,
      List<FeedForward> experts,
      float[] ffnOutputNorm) {

    /** What the feed-forward layer multiplies its input by first. */
    Matrix[] ffnInputs() {
      return router == null
          ? new Matrix[] {feedForward.gate, feedForward.up}
          : new Matrix[] {router};
    }

    Stream<Matrix> matrices() {
      return Stream.concat(
          Stream.of(attention.query, attention.key, attention.value, attention.output),
          router == null
              ? feedForward.matrices()
              : Stream.concat(Stream.of(router), experts.stream().flatMap(FeedForward::matrices)));
    }
  }

  /**
   * Attention.
   *
   * @param norm [dim] of what is read
   * @param query [heads * headDim][dim]
   * @param key [kvHeads * headDim][dim]
   * @param value [kvHeads * headDim][dim]
   * @param queryBias [heads * headDim]
   * @param keyBias [kvHeads * headDim]
   * @param valueBias [kvHeads * headDim]
   * @param queryNorm [headDim] of each head or [heads * headDim] of all
   * @param keyNorm [headDim] of each head or [kvHeads * headDim] of all
   * @param output [dim][heads * headDim]
   * @param outputBias [dim]
   * @param outputNorm [dim] of what is added to the residual
   */
  record Attention(
      float[] norm,
      Matrix query,
      Matrix key,
      Matrix value,
      float[] queryBias,
      float[] keyBias,
      float[] valueBias,
      float[] queryNorm,
      float[] keyNorm,
      Matrix output,
      float[] outputBias,
      float[] outputNorm) {}

  /**
   * A feed-forward layer, or one expert of it.
   *
   * @param gate [ffnDim][dim]
   * @param up [ffnDim][dim]
   * @param down [dim][ffnDim]
   */
  record FeedForward(Matrix gate, Matrix up, Matrix down) {
    Stream<Matrix> matrices() {
      return Stream.of(gate, up, down);
    }
  }
}
