package io.calidrop.attention;

import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CacheBudget.Positions;
import io.calidrop.attention.EvictionPolicy.Observation;

/**
 * When a bounded cache is pruned and when its positions are rebased. Both depend on the number of
 * tokens alone, not on how they were cut into batches.
 */
final class PruneSchedule {
  private final CacheBudget budget;
  private final int contextLength;
  private final boolean endless;
  private long promptEnd;

  /**
   * @param mostRows that a policy may give to one head, if it does not keep to {@link #mostRows}
   */
  PruneSchedule(CacheBudget budget, int mostRows, int contextLength) {
    this.budget = budget;
    this.contextLength = contextLength;
    // A rebase must find room for all rows in that half of the context that stays taken.
    endless =
        budget.positions() == Positions.ABSOLUTE
            || mostRows + budget.pruneInterval() <= contextLength / 2;
  }

  /** Whether a sequence may grow beyond the context. */
  boolean isEndless() {
    return endless;
  }

  /** Rows that one head may keep without any harm. */
  int mostRows() {
    return rebases() ? contextLength / 2 - budget.pruneInterval() : Integer.MAX_VALUE;
  }

  boolean isOnce() {
    return budget.compress() == Compress.ONCE;
  }

  /**
   * Announces where a prompt ends that is to be attended whole, after {@code seen} tokens: the
   * sequence's first. A cache that is compressed once goes on from there as others do.
   */
  void expectPrompt(long seen, long end) {
    if (promptEnd == 0 || seen < promptEnd) {
      promptEnd = end;
    }
  }

  /** The sequence begins anew. */
  void clear() {
    promptEnd = 0;
  }

  /** Whether the next token is one of a prompt that is attended whole. */
  boolean isInPrompt(long seen) {
    return isOnce() && seen < promptEnd;
  }

  /** Whether a prompt that was attended whole ends here. */
  boolean isPromptEnd(long seen) {
    return isOnce() && seen == promptEnd;
  }

  /** Number of tokens after which the next prune comes. */
  private long nextPrune(long seen) {
    int interval = budget.pruneInterval();
    return isInPrompt(seen) ? promptEnd : (seen / interval + 1) * interval;
  }

  /** Whether a prune comes now; {@code before} tokens had been seen before the last batch. */
  boolean prunes(long before, long seen) {
    return seen == nextPrune(before);
  }

  /** Rows beyond its budget that a head may hold without being pruned. */
  int slack(long seen) {
    boolean prompt = !isOnce() || seen == promptEnd;
    return prompt ? 0 : budget.pruneInterval() - 1;
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

  /** By how much positions are to be moved back before a token at {@code position}. */
  int rebase(int position) {
    return rebases() && position >= contextLength ? contextLength / 2 : 0;
  }

  /** Index among the coming tokens of the first whose attention a policy wants to know. */
  int firstObserved(Observation observation, long seen) {
    int tokens =
        switch (observation) {
          case NONE -> 0;
          case LAST -> 1;
          case WINDOW -> budget.window();
          case ALL -> Integer.MAX_VALUE;
          case REPEAT -> isInPrompt(seen) ? 0 : Integer.MAX_VALUE;
        };
    return tokens == 0
        ? Integer.MAX_VALUE
        : Math.clamp(nextPrune(seen) - tokens - seen, 0, Integer.MAX_VALUE);
  }

  void transfer(StateTransfer state) {
    promptEnd = state.number(promptEnd);
  }
}
