package io.calidrop.attention;

import io.calidrop.attention.CacheBudget.Compress;
import io.calidrop.attention.CacheBudget.Positions;
import io.calidrop.attention.EvictionPolicy.Observation;
import java.util.Arrays;
import java.util.Optional;

/**
 * A prompt that a full cache attended once, with all that any policy and calibration might have
 * wanted to know of it. Caches that are compressed at the end of a prompt can begin with it, see
 * {@link KvCache#adopt}; what they hold is the same to the bit.
 *
 * <p>Shares of attention are sums in fixed point: those of the last queries are the sum at the end
 * less the sum before them. What a policy wants to know that has the prompt read again is recorded
 * then. Recorded by one thread; then threads may share it.
 */
public final class AttendedPrompt {
  private final BoundedCache cache;
  private final int heads;
  private final int tokens;
  private final int window;
  private int[][] beforeWindow; // [heads][rows]
  private int[][] beforeLast; // [heads][rows]
  private int[][] atEnd; // [heads][rows]
  private int[][] again; // [heads][rows] the largest when it was read again, or null

  /** Wants to know everything and evicts nothing. */
  private record Observer(QuerySample sample) implements EvictionPolicy {
    @Override
    public String name() {
      return "observer";
    }

    @Override
    public Observation observation() {
      return Observation.ALL;
    }

    @Override
    public Optional<QuerySample> queries() {
      return Optional.of(sample);
    }

    @Override
    public void score(HeadRows rows, float[] scores) {}
  }

  /**
   * @param cache empty, with {@link #options}, that expects the prompt
   * @param tokens length of the prompt
   * @param window tokens that a policy may observe besides all and the last, at most {@code tokens}
   */
  public AttendedPrompt(KvCache cache, CacheShape shape, int tokens, int window) {
    this.cache = (BoundedCache) cache;
    this.tokens = tokens;
    this.window = Math.min(window, tokens);
    heads = shape.fullLayers().length * shape.kvHeads();
  }

  /**
   * Options of the cache that attends the prompt.
   *
   * @param queries tokens at the end whose queries caches may ask for
   */
  public static CacheOptions options(KvTypes kvTypes, int tokens, int queries) {
    CacheBudget everything =
        new CacheBudget(tokens + 1, 0, 1, 1, Compress.ONCE, Positions.ABSOLUTE);
    EvictionPolicy observer = new Observer(new QuerySample(queries, queries));
    return CacheOptions.full(kvTypes).bounded(everything, observer, CalibrationOptions.off());
  }

  /** Length of the prompt. */
  public int tokens() {
    return tokens;
  }

  /**
   * Number of tokens up to which the cache may be fed before {@link #mark} is to be called: three
   * pieces altogether, of which the first two may be empty.
   */
  public int nextMark() {
    if (beforeWindow == null) {
      return tokens - window;
    }
    return beforeLast == null ? tokens - 1 : tokens;
  }

  /** Notes the shares up to here, after {@link #nextMark} tokens. */
  public void mark() {
    if (beforeWindow == null) {
      beforeWindow = shares();
    } else if (beforeLast == null) {
      beforeLast = shares();
    } else {
      atEnd = shares();
      for (int i = 0; i < heads; i++) {
        head(i).forgetShares();
      }
    }
  }

  /** Notes what the prompt's tokens attended to when they were read again. */
  public void markReadAgain() {
    again = shares();
  }

  private int[][] shares() {
    int[][] shares = new int[heads][];
    for (int i = 0; i < heads; i++) {
      shares[i] = Arrays.copyOf(head(i).copyOfShares(), tokens);
    }
    return shares;
  }

  WindowRows window(int layer) {
    return cache.window(layer);
  }

  HeadState head(int index) {
    return cache.state(index);
  }

  /**
   * Shares of a head's rows [rows] from the queries that a policy observes.
   *
   * @param window of the budget
   * @throws IllegalArgumentException if that is not the one it was recorded for, or the prompt was
   *     not read again
   */
  int[] shares(Observation observation, int window, int head) {
    if (observation == Observation.WINDOW && Math.min(window, tokens) != this.window) {
      throw new IllegalArgumentException(
          "the prompt was recorded for a window of %d, not %d".formatted(this.window, window));
    }
    if (observation == Observation.REPEAT && again == null) {
      throw new IllegalArgumentException("the prompt was not read again");
    }
    return switch (observation) {
      case ALL, NONE -> atEnd[head];
      case WINDOW -> difference(atEnd[head], beforeWindow[head]);
      case LAST -> difference(atEnd[head], beforeLast[head]);
      case REPEAT -> again[head];
    };
  }

  private static int[] difference(int[] shares, int[] before) {
    int[] difference = new int[shares.length];
    Arrays.setAll(difference, row -> shares[row] - before[row]);
    return difference;
  }
}
