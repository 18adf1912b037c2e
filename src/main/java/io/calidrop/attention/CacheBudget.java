package io.calidrop.attention;

/**
 * How many rows a bounded cache keeps and when it is pruned to them.
 *
 * <p>A prune comes after every position p with {@code (p + 1) mod pruneInterval = 0}, after the
 * attention of that step, in every head that holds more rows than its budget. So the cache never
 * holds more than {@code rows + pruneInterval} rows a head, and what it holds does not depend on
 * how a prompt was cut.
 *
 * @param rows retained tokens per KV head and layer, sinks and window included
 * @param sinks first tokens of the sequence, always kept
 * @param window latest tokens, always kept at a prune
 * @param pruneInterval tokens between prunes
 * @param compress when the cache is first pruned
 * @param positions what becomes of positions beyond the context
 */
public record CacheBudget(
    int rows, int sinks, int window, int pruneInterval, Compress compress, Positions positions) {
  public static final int DEFAULT_SINKS = 4;
  public static final int DEFAULT_WINDOW = 32;
  public static final int DEFAULT_PRUNE_INTERVAL = 128;

  /** When a cache is pruned. */
  public enum Compress {
    /** A prompt is attended whole with the full cache and pruned once at its end. */
    ONCE,
    /** From the first token on the cache never exceeds budget and interval. */
    ROLLING
  }

  /** Rotary positions of a sequence longer than the context. */
  public enum Positions {
    /** At the end of the context all rows but the sinks move back by half of it. */
    REBASE,
    /** Positions grow without bound, beyond what the model was trained on. */
    ABSOLUTE
  }

  public CacheBudget {
    if (sinks < 0) {
      throw new IllegalArgumentException("the number of sinks must not be negative: " + sinks);
    }
    if (window < 1) {
      throw new IllegalArgumentException("the window must hold at least 1 token, not " + window);
    }
    if (pruneInterval < 1) {
      throw new IllegalArgumentException(
          "the prune interval must be at least 1 token, not " + pruneInterval);
    }
    if (rows < sinks + window) {
      throw new IllegalArgumentException(
          "a budget of %d rows is smaller than %d sinks and a window of %d: raise it to at least %d, or lower --sinks or --window"
              .formatted(rows, sinks, window, sinks + window));
    }
  }

  /**
   * A budget with the default sinks, window and interval, pruned as it goes.
   *
   * @throws IllegalArgumentException if sinks and window alone are more than {@code rows}
   */
  public static CacheBudget of(int rows) {
    return new CacheBudget(
        rows,
        DEFAULT_SINKS,
        DEFAULT_WINDOW,
        DEFAULT_PRUNE_INTERVAL,
        Compress.ROLLING,
        Positions.REBASE);
  }

  /** With another number of rows. */
  public CacheBudget withRows(int rows) {
    return new CacheBudget(rows, sinks, window, pruneInterval, compress, positions);
  }
}
