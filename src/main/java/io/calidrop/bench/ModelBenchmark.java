package io.calidrop.bench;

import io.calidrop.attention.CacheOptions;
import io.calidrop.model.InferenceSession;
import io.calidrop.model.TokenRun;
import io.calidrop.model.Transformer;
import java.util.ArrayList;
import java.util.List;
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
   *     with {@code @ d} and the tokens that were in the cache before, as llama-bench names them;
   *     with {@code + g} the tokens guessed for each pass
   * @param mean tokens per second
   * @param deviation standard deviation over the repetitions
   */
  public record Result(String test, double mean, double deviation) {}

  /** Most tokens that are guessed for a pass. */
  public static final int MOST_GUESSES = 64;

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
    return measure(
        "pp" + count,
        count,
        depth,
        (session, tokens) -> model.forward(session, tokens, depth, depth + count, true));
  }

  /** Tokens per second of {@code count} tokens decoded one by one after {@code depth} others. */
  public Result decode(int count, int depth) {
    return measure(
        "tg" + count,
        count,
        depth,
        (session, tokens) -> {
          for (int i = depth; i < depth + count; i++) {
            model.forward(session, tokens, i, i + 1, true);
          }
        });
  }

  /**
   * Tokens per second of each of the next tokens, decoded one by one in a new sequence; nothing is
   * computed before, so that right after loading it shows what the first ones wait for.
   */
  public List<Result> first(int count) {
    int[] tokens = new Random(SEED).ints(count, 0, model.config().vocabulary()).toArray();
    List<Result> results = new ArrayList<>();
    try (InferenceSession session = model.newSession(contextLength(count), cache)) {
      for (int i = 0; i < count; i++) {
        long start = System.nanoTime();
        model.forward(session, tokens, i, i + 1, true);
        double rate = 1e9 / (System.nanoTime() - start);
        results.add(result("tg1 @ d" + i, new double[] {rate}));
      }
    }
    return results;
  }

  /**
   * Tokens per second of {@code count} tokens where so many are guessed for each pass.
   *
   * @param chance that a guess is right where those before it are
   */
  public Result speculate(int count, int depth, int guesses, double chance) {
    Random random = new Random(SEED);
    return measure(
        "tg%d + g%d at %s".formatted(count, guesses, chance),
        count,
        depth,
        (session, tokens) -> {
          int start = session.position();
          for (int done = 0; done < count; done = session.position() - start) {
            int from = depth + done;
            model.forward(
                List.of(new TokenRun(session, tokens, from, from + 1 + guesses, guesses)));
            int right = 0;
            int most = Math.min(session.position() - start - done, count - done) - 1;
            while (right < most && random.nextDouble() < chance) {
              right++;
            }
            session.truncate(start + done + 1 + right);
          }
        });
  }

  /** Computes tokens from the depth on. */
  @FunctionalInterface
  private interface Work {
    void run(InferenceSession session, int[] tokens);
  }

  private Result measure(String name, int count, int depth, Work work) {
    int length = depth + count + MOST_GUESSES;
    int[] tokens = new Random(SEED).ints(length, 0, model.config().vocabulary()).toArray();
    double[] rates = new double[repetitions];
    model.awaitWarmUp();
    try (InferenceSession session = model.newSession(contextLength(length), cache)) {
      fill(session, tokens, depth);
      for (int i = -1; i < repetitions; i++) {
        if (session.canTruncate(depth)) {
          session.truncate(depth);
        } else {
          session.truncate(0); // a window has lost what it held there
          fill(session, tokens, depth);
        }
        long start = System.nanoTime();
        work.run(session, tokens);
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
