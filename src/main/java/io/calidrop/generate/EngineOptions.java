package io.calidrop.generate;

import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.KvType;
import io.calidrop.tensor.CpuTopology;

/**
 * How an {@link Engine} computes.
 *
 * @param threads threads that compute
 * @param contextLength most positions of a session, or 0: the model's trained length
 * @param cache how the KV cache is kept
 * @param exact float32 activations and scalar dequantisation: slow, the reference
 */
public record EngineOptions(int threads, int contextLength, CacheOptions cache, boolean exact) {
  public EngineOptions {
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1, not " + threads);
    }
    if (contextLength < 0) {
      throw new IllegalArgumentException(
          "the context must be at least 1, or 0 for the trained length, not " + contextLength);
    }
  }

  public static EngineOptions defaults() {
    return new EngineOptions(CpuTopology.usableCores(), 0, CacheOptions.full(KvType.F16), false);
  }
}
