package io.calidrop.sampling;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * Penalties, top-k, typical, top-p, min-p, temperature and a seeded draw, in this order; stages
 * that the options switch off are left out. At temperature 0 the most likely token is taken right
 * after the penalties. Of equally likely tokens the one with the lower id comes first.
 *
 * <p>The generator is {@code L64X128MixRandom} of {@link java.util.random}, one {@code nextDouble}
 * a token. Nothing is allocated per token. Not safe for concurrent use.
 */
public final class SamplerChain implements Sampler {
  private final int vocabulary;
  private final boolean greedy;
  private final double temperature;
  private final Penalties penalties; // null where they are off
  private final TopK topK;
  private final CandidateFilter[] filters;
  private final Candidates candidates;
  private final RandomGenerator random;

  /**
   * A chain with an empty history and a freshly seeded generator.
   *
   * @param vocabulary length of the logits it will see, at least 1
   */
  public SamplerChain(SamplerOptions options, int vocabulary) {
    Objects.requireNonNull(options, "options");
    if (vocabulary < 1) {
      throw new IllegalArgumentException(
          "vocabulary is " + vocabulary + " tokens, allowed is 1 or more");
    }
    this.vocabulary = vocabulary;
    greedy = options.isGreedy();
    temperature = options.temperature();
    penalties = penalties(options, vocabulary);
    int k = options.topK() == 0 ? vocabulary : Math.min(options.topK(), vocabulary);
    topK = new TopK(k, vocabulary);
    filters = filters(options);
    candidates = new Candidates(greedy ? 0 : k);
    random = RandomGeneratorFactory.of("L64X128MixRandom").create(options.seed());
  }

  private static Penalties penalties(SamplerOptions options, int vocabulary) {
    float repeat = (float) options.repeatPenalty();
    float frequency = (float) options.frequencyPenalty();
    float presence = (float) options.presencePenalty();
    boolean off = repeat == 1 && frequency == 0 && presence == 0;
    return off || options.repeatLastN() == 0
        ? null
        : new Penalties(repeat, frequency, presence, options.repeatLastN(), vocabulary);
  }

  private static CandidateFilter[] filters(SamplerOptions options) {
    List<CandidateFilter> filters = new ArrayList<>();
    if (options.typicalP() < 1) {
      filters.add(new Typical(options.typicalP()));
    }
    if (options.topP() < 1) {
      filters.add(new TopP(options.topP()));
    }
    if (options.minP() > 0) {
      filters.add(new MinP(options.minP()));
    }
    return filters.toArray(CandidateFilter[]::new);
  }

  /**
   * {@inheritDoc}
   *
   * @throws UndefinedLogitException where the model computed a NaN or an infinite logit
   */
  @Override
  public int sample(float[] logits) {
    if (logits.length != vocabulary) {
      throw new IllegalArgumentException(
          logits.length + " logits for a vocabulary of " + vocabulary + " tokens");
    }
    if (penalties != null) {
      penalties.apply(logits);
    }
    int best = mostLikely(logits);
    return greedy ? best : draw(logits);
  }

  @Override
  public void accept(int token) {
    if (token < 0 || token >= vocabulary) {
      throw new IllegalArgumentException(
          "token " + token + " in a vocabulary of " + vocabulary + " tokens");
    }
    if (penalties != null) {
      penalties.accept(token);
    }
  }

  /** The first of the greatest logits; refuses what no distribution can be made of. */
  private static int mostLikely(float[] logits) {
    int best = 0;
    for (int id = 0; id < logits.length; id++) {
      if (!(logits[id] <= logits[best])) {
        best = id; // Greater, or one of the two is NaN.
        if (!(logits[id] < Float.POSITIVE_INFINITY)) {
          break;
        }
      }
    }
    float logit = logits[best];
    if (!Float.isFinite(logit)) {
      throw new UndefinedLogitException(best, logit);
    }
    return best;
  }

  private int draw(float[] logits) {
    topK.select(logits, candidates);
    for (CandidateFilter filter : filters) {
      filter.apply(candidates);
    }
    candidates.softmax(temperature);
    double rest = random.nextDouble();
    int last = candidates.size() - 1;
    while (candidates.probability(last) == 0) {
      last--; // rounding must not give what cannot be
    }
    int i = 0;
    while (i < last && rest >= candidates.probability(i)) {
      rest -= candidates.probability(i++);
    }
    return candidates.id(i);
  }
}
