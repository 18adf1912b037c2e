package io.calidrop.model;

import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * How to load a model.
 *
 * @param threads threads that compute, at least 1
 * @param exact float32 activations and scalar dequantisation for every format: slow, the reference
 * @param quickStart whether the model may be given when single tokens are fast: a few prompt tokens
 *     are then read one by one, with the same results, and the first that are more wait until they
 *     are fast too
 * @param cacheTypes number formats that caches of a model will mostly have: their kernels are
 *     compiled while the weights are read
 * @param repeat gives the tokens that ask the model to repeat what it has read, where a cache wants
 *     to see what it attends to then
 */
public record LoadOptions(
    int threads,
    boolean exact,
    boolean quickStart,
    Function<ModelConfig, KvTypes> cacheTypes,
    Supplier<int[]> repeat) {
  public LoadOptions {
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1, not " + threads);
    }
  }

  /** For half-precision caches; prompts are repeated unasked. */
  public LoadOptions(int threads, boolean exact) {
    this(threads, exact, false, config -> KvTypes.of(KvType.F16), () -> new int[0]);
  }
}
