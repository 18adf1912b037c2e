package io.calidrop.generate;

import java.util.List;

/**
 * Decides how many of the tokens that are guessed for some generations a pass checks. Where that is
 * left to it, it takes those that make the pass give most tokens in its time, by what guesses were
 * worth and passes cost so far, and never risks more than a share of the time that went by without:
 * where every guess fails from now on, all of it took that share longer.
 */
final class DraftPlan {
  private static final double MOST_LOSS = 0.03;

  /** What the expected gain must be to be worth a guess, as a factor. */
  private static final double LEAST_GAIN = 1.03;

  /** A pass that took so much longer than expected waited for something else. */
  private static final double MOST_WAITING = 1.5;

  private final Speculation speculation;
  private final PassCosts costs;
  private double allowance; // nanoseconds that may be lost
  private int decoding; // generations of the pass, or 0 where one of them has a prompt

  /**
   * @param costs of the model's passes, which it learns from and adds to
   */
  DraftPlan(Speculation speculation, PassCosts costs) {
    this.speculation = speculation;
    this.costs = costs;
  }

  /** Begins a pass: has tokens guessed, unless it has a prompt to compute. */
  void draft(List<Generation> generations) {
    decoding = generations.stream().allMatch(Generation::isDecoding) ? generations.size() : 0;
    if (decoding == 0 || speculation.isAuto() && allowance <= 0) {
      return;
    }
    int most = speculation.isAuto() ? Speculation.MOST : speculation.tokens();
    boolean any = false;
    for (Generation generation : generations) {
      any |= generation.draft(most) > 0;
    }
    if (any && speculation.isAuto()) {
      choose(generations);
    }
  }

  /** Keeps the likeliest guesses. */
  private void choose(List<Generation> generations) {
    int base = generations.size();
    int[] taken = new int[base];
    int[] best = new int[base];
    double plain = costs.of(base);
    double bestRate = LEAST_GAIN * base / plain;
    double expected = base;
    for (int tokens = base + 1; ; tokens++) {
      int likeliest = likeliest(generations, taken);
      if (likeliest < 0 || plain == 0) {
        break;
      }
      expected += generations.get(likeliest).chance(taken[likeliest]++);
      double cost = costs.of(tokens);
      if (expected / cost > bestRate && cost - plain <= allowance) {
        bestRate = expected / cost;
        best = taken.clone();
      }
    }
    for (int i = 0; i < base; i++) {
      generations.get(i).keepDraft(best[i]);
    }
  }

  private static int likeliest(List<Generation> generations, int[] taken) {
    int likeliest = -1;
    double chance = 0;
    for (int i = 0; i < taken.length; i++) {
      Generation generation = generations.get(i);
      if (taken[i] < generation.drafted() && generation.chance(taken[i]) > chance) {
        chance = generation.chance(taken[i]);
        likeliest = i;
      }
    }
    return likeliest;
  }

  /**
   * Ends a pass.
   *
   * @param tokens that it computed
   * @param accepted of these were guessed, and right
   * @param guessing nanoseconds for that
   * @param took nanoseconds for the pass
   */
  void passed(int tokens, int accepted, long guessing, long took) {
    if (decoding == 0 || tokens == decoding) {
      allowance += MOST_LOSS * took - guessing;
    } else {
      double plain = costs.of(decoding) * (decoding + accepted) / decoding;
      allowance += plain - Math.min(took, MOST_WAITING * costs.of(tokens)) - guessing;
    }
    if (decoding > 0) {
      costs.add(tokens, took);
    }
  }
}
