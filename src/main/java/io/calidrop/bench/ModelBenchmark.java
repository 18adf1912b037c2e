package io.calidrop.bench;

import io.calidrop.attention.CacheOptions;
import io.calidrop.model.InferenceSession;
import io.calidrop.model.Transformer;
import java.util.Random;

/**
 * Throughput of a model: tokens per second of prefill and of decoding, at any depth of the context.
 * For one thread at a time.
 */
public final class ModelBenchmark {

  /**
   * A measurement.
   *
   * @param test {@code pp} and the tokens of the prompt, or {@code tg} and the tokens generated,
   *     with {@code @ d} and the tokens that were in the cache before, as llama-bench names them
   * @param mean tokens per second
   * @param deviation standard deviation over the repetitions
   */
  public record Result(String test, double mean, double deviation) {}

  private static final long SEED = 42;

  private final Transformer model;
  private final CacheOptions cache;
  private final int repetitions;

  /**
   * @param repetitions measured runs of each test, after one that is not measured
   */
  public ModelBenchmark(Transformer model, CacheOptions cache, int repetitions) {
    this.model = model;
    this.cache = cache;
    this.repetitions = repetitions;
  }

  /** Tokens per second of a prompt of {@code count} tokens after {@code depth} others. */
  public Result prefill(int count, int depth) {
    return measure("pp" + count, count, depth, false);
  }

  /** Tokens per second of {@code count} tokens decoded one by one after {@code depth} others. */
  public Result decode(int count, int depth) {
    return measure("tg" + count, count, depth, true);
  }

  private Result measure(String name, int count, int depth, boolean singly) {
    int[] tokens = new Random(SEED).ints(depth + count, 0, model.config().vocabulary()).toArray();
    double[] rates = new double[repetitions];
    try (InferenceSession session = model.newSession(contextLength(depth + count), cache)) {
      fill(session, tokens, depth);
      for (int i = -1; i < repetitions; i++) {
        if (session.canTruncate(depth)) {
          session.truncate(depth);
        } else if (cache.budget().isEmpty()) {
          session.truncate(0); // a window has lost what it held there
          fill(session, tokens, depth);
        } // a bounded cache goes on from where it is, which costs the same
        long start = System.nanoTime();
        run(session, tokens, depth, count, singly);
        double rate = count * 1e9 / (System.nanoTime() - start);
        if (i >= 0) {
          rates[i] = rate;
        }
      }
    }
    return result(depth == 0 ? name : name + " @ d" + depth, rates);
  }

  private void fill(InferenceSession session, int[] tokens, int depth) {
    if (depth > 0) {
      model.forward(session, tokens, 0, depth, false);
      session.mark();
    }
  }

  private int contextLength(int tokens) {
    return cache.budget().isEmpty() ? tokens : model.config().contextLength();
  }

  private void run(InferenceSession session, int[] tokens, int from, int count, boolean singly) {
    if (!singly) {
      model.forward(session, tokens, from, from + count, true);
      return;
    }
    for (int i = from; i < from + count; i++) {
      model.forward(session, tokens, i, i + 1, true);
    }
  }

  private static Result result(String test, double[] rates) {
    double mean = 0;
    for (double rate : rates) {
      mean += rate / rates.length;
    }
    double variance = 0;
    for (double rate : rates) {
      variance += (rate - mean) * (rate - mean) / Math.max(1, rates.length - 1);
    }
    return new Result(test, mean, Math.sqrt(variance));
  }
}
