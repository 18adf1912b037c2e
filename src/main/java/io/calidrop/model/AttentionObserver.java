package io.calidrop.model;

/** Looks at what the attention of each layer gives. Called by the thread that runs the pass. */
@FunctionalInterface
public interface AttentionObserver {
  /**
   * @param layer from 0
   * @param tokens of the batch
   * @param outputs [tokens][stride] of which the first [heads][headDim] are the outputs before
   *     their projection, valid during the call
   */
  void attended(int layer, int tokens, float[] outputs, int stride);
}
