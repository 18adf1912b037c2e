package io.calidrop.generate;

import io.calidrop.tokenizer.TokenList;

/** Guesses with a smaller model, token by token, as long as it is sure enough. */
final class ModelDrafter implements Drafter {
  /** How likely what the text repeats of itself must be right to be taken instead. */
  private static final double SURE = 0.7;

  /** A draft ends where it is less likely right up to there. */
  private static final double LEAST_CHANCE = 0.3;

  /** Differences of the two greatest logits that tell kinds of guesses apart. */
  private static final float[] MARGINS = {0.5f, 1, 2, 4};

  private final DraftModel model;
  private final PromptLookup lookup;
  private final DraftSession session;
  private final TokenList sequence = new TokenList();
  private final HitRates rates = new HitRates(0.3, 0.4, 0.55, 0.75, 0.9);
  private final int[] guesses = new int[Speculation.MOST];
  private final int[] kinds = new int[Speculation.MOST];
  private int guessed; // tokens of the last draft
  private int right; // of them so far
  private int common; // tokens of the sequence that the session holds

  /**
   * @param lookup what the text repeats of itself
   */
  ModelDrafter(
      DraftModel model, PromptLookup lookup, DraftSession session, int[] prompt, int length) {
    this.model = model;
    this.lookup = lookup;
    this.session = session;
    for (int i = 0; i < length; i++) {
      sequence.add(prompt[i]);
    }
    if (length <= session.limit()) {
      common = session.common(0, prompt, length);
      session.logits(common, sequence);
      common = length;
    }
  }

  @Override
  public void accept(int token) {
    lookup.accept(token);
    sequence.add(token);
    if (right < guessed) {
      boolean hit = guesses[right] == token;
      rates.add(kinds[right], hit);
      right++;
      guessed = hit ? guessed : 0;
    }
  }

  @Override
  public int draft(int most, int[] tokens, double[] chances) {
    guessed = 0;
    right = 0;
    int repeated = lookup.draft(most, tokens, chances);
    if (repeated > 0 && chances[0] >= SURE) {
      return repeated;
    }
    if (sequence.size() + most > session.limit()) {
      return 0;
    }
    common = session.common(common, sequence.array(), sequence.size());
    float[] logits = session.logits(common, sequence);
    common = sequence.size();
    double chance = 1;
    while (true) {
      int token = guess(logits);
      chances[guessed] = rates.of(kinds[guessed]);
      chance *= chances[guessed];
      tokens[guessed] = token;
      guesses[guessed++] = token;
      if (guessed == most || chance < LEAST_CHANCE) {
        return guessed;
      }
      logits = session.logits(token);
    }
  }

  /** The likeliest token; notes how sure that is. */
  private int guess(float[] logits) {
    int best = 0;
    float second = Float.NEGATIVE_INFINITY;
    for (int id = 1; id < logits.length; id++) {
      if (logits[id] > logits[best]) {
        second = logits[best];
        best = id;
      } else if (logits[id] > second) {
        second = logits[id];
      }
    }
    int kind = 0;
    while (kind < MARGINS.length && logits[best] - second > MARGINS[kind]) {
      kind++;
    }
    kinds[guessed] = kind;
    return best;
  }

  @Override
  public void close() {
    model.release(session);
  }
}
