package io.calidrop.sampling;

/**
 * Lowers the logits of the tokens that occurred among the last {@code window}. The repetition
 * penalty (Keskar et al., arXiv 1909.05858) divides a positive logit and multiplies another;
 * afterwards the frequency penalty is subtracted once an occurrence, the presence penalty once.
 */
final class Penalties {
  private final float repeat;
  private final float frequency;
  private final float presence;
  private final int[] recent; // [window], a ring
  private final int[] counts; // [vocabulary], occurrences within the ring
  private int next;
  private int filled;

  Penalties(float repeat, float frequency, float presence, int window, int vocabulary) {
    this.repeat = repeat;
    this.frequency = frequency;
    this.presence = presence;
    recent = new int[window];
    counts = new int[vocabulary];
  }

  void accept(int token) {
    if (filled == recent.length) {
      counts[recent[next]]--;
    } else {
      filled++;
    }
    recent[next] = token;
    counts[token]++;
    next = next + 1 == recent.length ? 0 : next + 1;
  }

  void apply(float[] logits) {
    // A negated count says that the token had its penalty; the second pass turns them all back.
    for (int i = 0; i < filled; i++) {
      int token = recent[i];
      int count = counts[token];
      if (count > 0) {
        float logit = logits[token];
        float scaled = logit > 0 ? logit / repeat : logit * repeat;
        logits[token] = scaled - count * frequency - presence;
        counts[token] = -count;
      }
    }
    for (int i = 0; i < filled; i++) {
      counts[recent[i]] = Math.abs(counts[recent[i]]);
    }
  }
}
