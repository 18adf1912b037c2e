package io.calidrop.model;

/**
 * How to load a model.
 *
 * @param threads threads that compute, at least 1
 * @param exact float32 activations and scalar dequantisation for every format: slow, the reference
 */
public record LoadOptions(int threads, boolean exact) {
  public LoadOptions {
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1, not " + threads);
    }
  }
}
