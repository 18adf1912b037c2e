package io.calidrop.model;

import java.util.function.Supplier;

/**
 * How to load a model.
 *
 * @param threads threads that compute, at least 1
 * @param exact float32 activations and scalar dequantisation for every format: slow, the reference
 * @param repeat gives the tokens that ask the model to repeat what it has read, where a cache wants
 *     to see what it attends to then
 */
public record LoadOptions(int threads, boolean exact, Supplier<int[]> repeat) {
  public LoadOptions {
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1, not " + threads);
    }
  }

  /** Prompts are repeated unasked. */
  public LoadOptions(int threads, boolean exact) {
    this(threads, exact, () -> new int[0]);
  }
}
