package io.calidrop.generate;

import java.util.Arrays;

/**
 * What a pass of so many tokens costs, learned from those that ran: a time that follows whatever
 * the machine does, and for each number of tokens a multiple of it. Threads may share it.
 */
final class PassCosts {
  private static final int MOST = 256;

  /** What a further token adds, in passes of one, before anything is known. */
  private static final double FURTHER = 0.35;

  private static final double LEAST_CHANGE = 0.5;
  private static final double MOST_CHANGE = 1.5;

  private final double[] multiples = new double[MOST + 1]; // [tokens]
  private final boolean[] known = new boolean[MOST + 1]; // [tokens]
  private double nanos; // of a pass of one token, or 0

  PassCosts() {
    Arrays.setAll(multiples, tokens -> 1 + FURTHER * (tokens - 1));
  }

  /** Tells what a pass took. */
  synchronized void add(int tokens, long took) {
    if (nanos == 0) {
      nanos = took / multiples[tokens];
      return;
    }
    // One pass may have waited for anything: it changes little.
    double change = Math.clamp(took / of(tokens), LEAST_CHANGE, MOST_CHANGE);
    if (tokens == 1) {
      nanos *= Math.pow(change, 0.3);
      return;
    }
    nanos *= Math.pow(change, 0.1);
    double factor = Math.pow(change, 0.3);
    for (int i = 2; i <= MOST; i++) {
      if (i == tokens || !known[i] && !known[tokens]) {
        multiples[i] *= factor;
      }
    }
    known[tokens] = true;
  }

  /** Nanoseconds that a pass of so many tokens is expected to take; 0 before the first. */
  synchronized double of(int tokens) {
    return nanos * multiples[Math.min(tokens, MOST)];
  }
}
