package io.calidrop.sampling;

/** Penalties on the tokens of a sliding window. */
final class Penalties {
  private final float repeat;
  private final float frequency;
  private final float presence;
  private final int[] window; // the last tokens, in a ring
  private final int[] counts; // [vocabulary] of how often each token is in the window
  private int seen;

  Penalties(SamplerOptions options, int vocabulary) {
    repeat = (float) options.effectiveRepeatPenalty();
    frequency = (float) options.frequencyPenalty();
    presence = (float) options.presencePenalty();
    boolean off = repeat == 1 && frequency == 0 && presence == 0;
    window = new int[off ? 0 : options.repeatLastN()];
    counts = new int[window.length == 0 ? 0 : vocabulary];
  }

  void accept(int token) {
    if (window.length == 0) {
      return;
    }
    int slot = seen++ % window.length;
    if (seen > window.length) {
      counts[window[slot]]--;
    }
    if (seen == 2 * window.length) {
      seen = window.length; // the same slot, and no overflow
    }
    window[slot] = token;
    counts[token]++;
  }

  void apply(float[] logits) {
    for (int i = 0; i < Math.min(seen, window.length); i++) {
      int token = window[i];
      if (firstInWindow(i)) {
        float logit = logits[token];
        logit = logit > 0 ? logit / repeat : logit * repeat;
        logits[token] = logit - counts[token] * frequency - presence;
      }
    }
  }

  private boolean firstInWindow(int i) {
    if (counts[window[i]] == 1) {
      return true;
    }
    for (int j = 0; j < i; j++) {
      if (window[j] == window[i]) {
        return false;
      }
    }
    return true;
  }
}
