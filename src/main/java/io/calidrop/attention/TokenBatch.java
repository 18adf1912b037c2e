package io.calidrop.attention;

import java.util.Arrays;

/**
 * The tokens of one pass over the weights: the next ones of one sequence or of several, sequence by
 * sequence. Made once and reused. For one thread at a time.
 */
public final class TokenBatch {
  private final int[] sequence; // [tokens] that a token belongs to
  private KvCache[] caches = new KvCache[1]; // [sequences]
  private int[] starts = new int[2]; // [sequences + 1] first token of each, then the end
  private int sequences;

  /**
   * @param maxTokens most tokens at a time
   */
  public TokenBatch(int maxTokens) {
    sequence = new int[maxTokens];
  }

  /** A batch of the next {@code count} tokens of one sequence. */
  public static TokenBatch of(KvCache cache, int count) {
    TokenBatch batch = new TokenBatch(count);
    batch.add(cache, count);
    return batch;
  }

  /** Takes all tokens out. */
  public void clear() {
    Arrays.fill(caches, 0, sequences, null);
    sequences = 0;
  }

  /** Adds the next {@code count} tokens of a sequence that has none in the batch yet. */
  public void add(KvCache cache, int count) {
    if (sequences == caches.length) {
      caches = Arrays.copyOf(caches, 2 * sequences);
      starts = Arrays.copyOf(starts, 2 * sequences + 1);
    }
    int start = tokens();
    Arrays.fill(sequence, start, start + count, sequences);
    caches[sequences++] = cache;
    starts[sequences] = start + count;
  }

  public int tokens() {
    return starts[sequences];
  }

  public int sequences() {
    return sequences;
  }

  /** Where the keys and values of a sequence go. */
  public KvCache cache(int sequence) {
    return caches[sequence];
  }

  /** A sequence's first token. */
  public int start(int sequence) {
    return starts[sequence];
  }

  /** Tokens of a sequence. */
  public int count(int sequence) {
    return starts[sequence + 1] - starts[sequence];
  }

  /** The sequence of a token. */
  public int sequence(int token) {
    return sequence[token];
  }
}
