package io.calidrop.sampling;

import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * Penalties, top-k, typical, top-p, min-p, temperature, and a draw: llama.cpp's order. The
 * generator is L64X128MixRandom, whose sequence is part of its specification: a seed gives the same
 * tokens everywhere.
 */
public final class SamplerChain implements Sampler {
  private static final String GENERATOR = "L64X128MixRandom";

  private final SamplerOptions options;
  private final Penalties penalties;
  private final Candidates candidates;
  private final double[] deviations;
  private final RandomGenerator random;

  /**
   * @param vocabulary number of logits
   */
  public SamplerChain(SamplerOptions options, int vocabulary) {
    this.options = options;
    penalties = new Penalties(options, vocabulary);
    boolean greedy = options.temperature() == 0;
    int kept = options.topK() == 0 ? vocabulary : Math.min(options.topK(), vocabulary);
    candidates = new Candidates(greedy ? 0 : kept);
    deviations = new double[greedy || options.typicalP() == 1 ? 0 : kept];
    random = RandomGeneratorFactory.of(GENERATOR).create(options.seed());
  }

  @Override
  public void accept(int token) {
    penalties.accept(token);
  }

  /**
   * @throws IllegalStateException if a logit is not a number: the model file is damaged or the
   *     computation went wrong
   */
  @Override
  public int sample(float[] logits) {
    penalties.apply(logits);
    int best = argmax(logits);
    if (options.temperature() == 0) {
      return best;
    }
    candidates.selectTop(logits, candidates.ids.length);
    if (options.typicalP() < 1) {
      Filters.typical(candidates, options.typicalP(), deviations);
    }
    if (options.topP() < 1) {
      Filters.topP(candidates, options.topP());
    }
    if (options.minP() > 0) {
      Filters.minP(candidates, options.minP());
    }
    return draw();
  }

  private static int argmax(float[] logits) {
    int best = 0;
    for (int i = 0; i < logits.length; i++) {
      if (Float.isNaN(logits[i])) {
        throw new IllegalStateException(
            "the logit of token " + i + " is not a number: is the model file damaged?");
      }
      if (logits[i] > logits[best]) {
        best = i;
      }
    }
    return best;
  }

  private int draw() {
    for (int i = 0; i < candidates.size; i++) {
      candidates.logits[i] = (float) (candidates.logits[i] / options.temperature());
    }
    candidates.softmax();
    double left = random.nextDouble();
    for (int i = 0; i < candidates.size; i++) {
      left -= candidates.probabilities[i];
      if (left < 0) {
        return candidates.ids[i];
      }
    }
    return candidates.ids[candidates.size - 1];
  }
}
