package io.calidrop.generate;

import java.util.Optional;

/**
 * Gives the generations of one model what guesses their tokens, and what decides how many guesses
 * pay: what passes cost is learned once for all. Threads may share it.
 */
final class Speculator {
  /** Nothing is guessed. */
  static final Speculator NONE = new Speculator(Speculation.off(), Optional.empty());

  private final Speculation speculation;
  private final Optional<DraftModel> model;
  private final PassCosts costs = new PassCosts();

  /**
   * @param model that guesses, besides what the text repeats of itself
   */
  Speculator(Speculation speculation, Optional<DraftModel> model) {
    this.speculation = speculation;
    this.model = model;
  }

  /**
   * What guesses the continuation of a prompt; empty where nothing is guessed.
   *
   * @param prompt in {@code [0, length)}
   */
  Optional<Drafter> drafter(int[] prompt, int length) {
    if (speculation.isOff()) {
      return Optional.empty();
    }
    PromptLookup lookup = new PromptLookup(prompt, length);
    return Optional.of(model.<Drafter>map(m -> m.drafter(lookup, prompt, length)).orElse(lookup));
  }

  /** For generations that share passes. */
  DraftPlan plan() {
    return new DraftPlan(speculation, costs);
  }
}
