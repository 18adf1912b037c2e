package io.calidrop.sampling;

/** Penalties, top-k, typical, top-p, min-p, temperature and a seeded draw, in this order. */
public final class SamplerChain implements Sampler {

  /**
   * A chain with an empty history and a freshly seeded generator.
   *
   * @param vocabulary length of the logits it will see
   */
  public SamplerChain(SamplerOptions options, int vocabulary) {}

  @Override
  public int sample(float[] logits) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void accept(int token) {
    throw new UnsupportedOperationException();
  }
}
