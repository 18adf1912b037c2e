package io.calidrop.attention;

import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CacheBudget.Positions;
import io.calidrop.tensor.WorkerPool;
import java.nio.file.Path;

/**
 * What keeps a cache within its budget: knows when rows are pruned and when positions are rebased,
 * and what policies have to observe until then.
 */
final class BoundedCache implements AutoCloseable {
  private final CacheBudget budget;
  private final CalibrationOptions calibration;
  private final EvictionPolicy policy;
  private final int contextLength;
  private final boolean endless;
  private final HeadState[] heads; // [layers][kvHeads]
  private final CachePruner pruner;
  private final PositionRebase rebase;
  private final ReferenceScratch[] referenceScratch; // [threads], or none
  private final PageMemory memory; // of evicted rows, or null

  private int pinned;
  private long promptEnd;
  private long prunes;
  private long pruneNanos;

  BoundedCache(
      KvHead[] rows,
      CacheShape shape,
      int contextLength,
      CacheOptions options,
      CacheScratch scratch,
      PositionRotation rotation) {
    budget = options.budget().orElseThrow();
    calibration = options.calibration();
    policy = options.policy();
    this.contextLength = contextLength;
    int most = policy.mostRows(budget.rows(), shape.kvHeads()) + budget.pruneInterval();
    // A rebase must find room for all rows in that half of the context that stays taken.
    endless = budget.positions() == Positions.ABSOLUTE || most <= contextLength / 2;
    memory =
        switch (calibration.store()) {
          case NONE -> null;
          case RAM -> PageMemory.inRam();
          case FILE -> PageMemory.inFile(Path.of(System.getProperty("java.io.tmpdir")));
        };
    heads = new HeadState[rows.length];
    for (int i = 0; i < heads.length; i++) {
      int layer = i / shape.kvHeads();
      heads[i] = HeadState.of(layer, i % shape.kvHeads(), rows[i], shape, options, memory);
    }
    referenceScratch = new ReferenceScratch[calibration.hasReferences() ? scratch.threads() : 0];
    for (int i = 0; i < referenceScratch.length; i++) {
      referenceScratch[i] =
          new ReferenceScratch(
              options.kvType(),
              shape.headDim(),
              ReferenceCalibration.valueLength(shape.headDim(), calibration));
    }
    pruner = new CachePruner(heads, shape, options, scratch, rotation);
    rebase = new PositionRebase(heads, referenceScratch, rotation);
  }

  HeadState head(int index) {
    return heads[index];
  }

  boolean hasReferences() {
    return calibration.hasReferences();
  }

  ReferenceScratch referenceScratch(int worker) {
    return referenceScratch[worker];
  }

  /** Whether a sequence may grow beyond the context. */
  boolean isEndless() {
    return endless;
  }

  /**
   * Keeps the first tokens of the sequence, as sinks are kept.
   *
   * @throws IllegalArgumentException if they take more than half of the budget
   */
  void pin(int tokens) {
    if (tokens > budget.rows() / 2) {
      throw new IllegalArgumentException(
          "%d pinned tokens take more than half of the budget of %d rows: raise --budget to at least %d"
              .formatted(tokens, budget.rows(), 2 * tokens));
    }
    if (Math.max(tokens, budget.sinks()) + budget.window() > budget.rows()) {
      throw new IllegalArgumentException(
          "%d pinned tokens and a window of %d exceed the budget of %d rows: raise --budget, or lower --window"
              .formatted(tokens, budget.window(), budget.rows()));
    }
    pinned = tokens;
  }

  boolean isOnce() {
    return budget.compress() == Compress.ONCE;
  }

  /** Announces where a prompt ends that is to be attended whole. */
  void expectPrompt(long end) {
    promptEnd = end;
  }

  /** Number of tokens after which the next prune comes. */
  private long nextPrune(long seen) {
    int interval = budget.pruneInterval();
    return isOnce() && seen < promptEnd ? promptEnd : (seen / interval + 1) * interval;
  }

  /** Tokens that may come before the cache has to be pruned or rebased. */
  int room(long seen, int position) {
    long room = nextPrune(seen) - seen;
    if (rebases()) {
      int end = position < contextLength ? contextLength : contextLength + contextLength / 2;
      room = Math.min(room, end - position);
    }
    return (int) Math.min(room, Integer.MAX_VALUE);
  }

  private boolean rebases() {
    return endless && budget.positions() == Positions.REBASE;
  }

  /** Index among the coming tokens of the first whose attention the policy wants to know. */
  int firstObserved(long seen) {
    int tokens =
        switch (policy.observation()) {
          case NONE -> 0;
          case LAST -> 1;
          case WINDOW -> budget.window();
          case ALL -> Integer.MAX_VALUE;
        };
    return tokens == 0
        ? Integer.MAX_VALUE
        : Math.clamp(nextPrune(seen) - tokens - seen, 0, Integer.MAX_VALUE);
  }

  /**
   * Moves positions back if the next token would leave the context.
   *
   * @return by how much
   */
  int rebase(WorkerPool pool, int position) {
    if (!rebases() || position < contextLength) {
      return 0;
    }
    int delta = contextLength / 2;
    rebase.run(pool, delta, budget.sinks());
    return delta;
  }

  /** Prunes if the time has come; {@code before} tokens had been seen before the last batch. */
  void prune(WorkerPool pool, long before, long seen) {
    if (seen != nextPrune(before)) {
      return;
    }
    long start = System.nanoTime();
    boolean prompt = !isOnce() || seen == promptEnd;
    int slack = prompt ? 0 : budget.pruneInterval() - 1;
    pruner.run(pool, seen, Math.max(pinned, budget.sinks()), slack);
    if (policy.observation() != EvictionPolicy.Observation.ALL) {
      for (HeadState head : heads) {
        head.forgetShares();
      }
    }
    prunes++;
    pruneNanos += System.nanoTime() - start;
  }

  void transfer(StateTransfer state) {
    pinned = (int) state.number(pinned);
    promptEnd = state.number(promptEnd);
    prunes = state.number(prunes);
    pruneNanos = state.number(pruneNanos);
    for (HeadState head : heads) {
      head.transfer(state);
    }
  }

  /** Begins with a prompt that was attended once, and prunes it. */
  void adopt(WorkerPool pool, PromptRecord prompt) {
    for (int i = 0; i < heads.length; i++) {
      long[] unobserved = prompt.unobserved(policy.observation(), budget.window(), i);
      heads[i].adopt(prompt.head(i), prompt.tokens(), unobserved);
    }
    expectPrompt(prompt.tokens());
    prune(pool, 0, prompt.tokens());
  }

  void clear() {
    for (HeadState head : heads) {
      head.clear();
    }
    pinned = 0;
    promptEnd = 0;
  }

  CacheStatistics statistics(long seen) {
    return statistics(seen, 0, heads.length);
  }

  /** Of heads {@code [from, to)}. */
  CacheStatistics statistics(long seen, int from, int to) {
    StatisticsSum sum = new StatisticsSum();
    for (int i = from; i < to; i++) {
      sum.add(heads[i]);
    }
    return sum.of(seen, to - from, prunes, pruneNanos);
  }

  @Override
  public void close() {
    if (memory != null) {
      memory.close();
    }
  }
}
