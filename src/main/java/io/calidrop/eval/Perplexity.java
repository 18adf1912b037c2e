package io.calidrop.eval;

import io.calidrop.attention.CacheOptions;
import io.calidrop.model.InferenceSession;
import io.calidrop.model.Transformer;

/**
 * Perplexity as llama.cpp counts it: the text in windows of the context's length, each begun anew,
 * of which the second half is predicted. For one thread at a time.
 */
public final class Perplexity {
  private final Transformer model;
  private final CacheOptions cache;
  private final int bos;
  private final int first;
  private double loss; // nats
  private double squares;
  private long count;

  /**
   * A window's losses.
   *
   * @param loss their sum, nats
   * @param squares the sum of their squares
   * @param count tokens
   */
  public record Window(double loss, double squares, long count) {}

  /**
   * @param bos token that takes the place of each window's first, or -1 for none
   * @param first index in a window of the first token whose prediction counts; llama.cpp leaves the
   *     first half and one more
   */
  public Perplexity(Transformer model, CacheOptions cache, int bos, int first) {
    this.model = model;
    this.cache = cache;
    this.bos = bos;
    this.first = first;
  }

  /**
   * Measures a window, and does not add it yet.
   *
   * @param tokens more than those whose prediction does not count
   */
  public Window measure(int[] tokens) {
    int[] input = tokens.clone();
    if (bos >= 0) {
      input[0] = bos;
    }
    int vocabulary = model.config().vocabulary();
    double[] sums = new double[2];
    try (InferenceSession session = model.newSession(tokens.length, cache)) {
      model.forward(
          session,
          input,
          0,
          input.length,
          (token, logits, offset) -> {
            if (token + 1 >= first && token + 1 < input.length) {
              double norm = NextTokens.logSumExp(logits, offset, vocabulary);
              double nats = norm - logits[offset + input[token + 1]];
              sums[0] += nats;
              sums[1] += nats * nats;
            }
          });
    }
    return new Window(sums[0], sums[1], input.length - first);
  }

  /** Adds a window. */
  public void add(Window window) {
    loss += window.loss();
    squares += window.squares();
    count += window.count();
  }

  /** Tokens whose prediction counted. */
  public long count() {
    return count;
  }

  /** Of all windows so far. */
  public double value() {
    return Math.exp(loss / count);
  }

  /** Its standard error, from the spread of the tokens' losses. */
  public double standardError() {
    double mean = loss / count;
    double variance = squares / count - mean * mean;
    return value() * Math.sqrt(variance / (count - 1));
  }
}
