package io.calidrop.attention;

import io.calidrop.tensor.VectorShape;
import io.calidrop.tensor.WorkerPool;
import java.util.ArrayList;
import java.util.List;

/**
 * The KV heads of all layers of one conversation. Without a budget they keep every token; with one
 * a {@link BoundedCache} prunes them between batches.
 *
 * <p>A batch goes {@link #begin}, for each layer {@link #extend}, {@link #store} and attention,
 * then {@link #end}.
 */
public final class KvCache implements AutoCloseable {
  private final KvHead[] heads; // [layers][kvHeads]
  private final int kvHeads;
  private final int headDim;
  private final BoundedCache bounded; // or null
  private final int contextLength;
  private long seen;
  private int shift; // tokens seen, less this, is the next position
  private int firstObserved = Integer.MAX_VALUE;

  /** A cache with a scratch of its own. */
  public KvCache(
      CacheShape shape,
      CacheOptions options,
      int contextLength,
      int threads,
      PositionRotation rotation) {
    this(shape, options, contextLength, new CacheScratch(shape, threads), rotation);
  }

  /**
   * @param contextLength positions that a sequence has, or that a bounded one is rebased at
   * @param scratch for the threads that prune it, which others may use at other times
   * @param rotation of the model's keys
   */
  public KvCache(
      CacheShape shape,
      CacheOptions options,
      int contextLength,
      CacheScratch scratch,
      PositionRotation rotation) {
    kvHeads = shape.kvHeads();
    headDim = shape.headDim();
    this.contextLength = contextLength;
    heads = new KvHead[shape.layers() * kvHeads];
    for (int i = 0; i < heads.length; i++) {
      heads[i] = options.kvType().newHead(headDim);
    }
    bounded =
        options.budget().isEmpty()
            ? null
            : new BoundedCache(heads, shape, contextLength, options, scratch, rotation);
  }

  /** Tokens that the sequence has had. */
  public long seen() {
    return seen;
  }

  /** Rotary position of the next token. */
  public int position() {
    return (int) (seen - shift);
  }

  /** Tokens that the next batch may have. */
  public int room() {
    if (bounded == null) {
      return contextLength - position();
    }
    int position = position();
    return bounded.room(seen, position);
  }

  /** Whether a sequence may grow beyond the context. */
  public boolean isEndless() {
    return bounded != null && bounded.isEndless();
  }

  /** Keeps the first tokens of the sequence whatever a policy says; only with a budget. */
  public void pin(int tokens) {
    if (bounded != null) {
      bounded.pin(tokens);
    }
  }

  /**
   * Announces that the next {@code tokens} tokens are a prompt, attended whole before the first
   * prune if the budget says {@link CacheBudget.Compress#ONCE}.
   */
  public void expectPrompt(int tokens) {
    if (bounded != null) {
      bounded.expectPrompt(seen + tokens);
    }
  }

  /** Rebases positions if the next batch would leave the context. */
  public void begin(WorkerPool pool) {
    if (bounded != null) {
      shift += bounded.rebase(pool, position());
      firstObserved = bounded.firstObserved(seen);
    }
  }

  /** Makes room for {@code count} more tokens in a layer. */
  public void extend(int layer, int count) {
    for (int h = 0; h < kvHeads; h++) {
      int head = layer * kvHeads + h;
      if (bounded == null) {
        heads[head].extend(count);
      } else {
        bounded.head(head).extend(count);
      }
    }
  }

  /**
   * Stores the keys and values of one token of those that {@link #extend} made room for. Different
   * tokens may be stored by different threads.
   *
   * @param count tokens of the batch
   * @param token index of the token in it
   * @param keys [kvHeads][headDim] rotated keys at {@code offset}
   * @param values [kvHeads][headDim] values at {@code offset}
   */
  public void store(int layer, int count, int token, float[] keys, float[] values, int offset) {
    for (int h = 0; h < kvHeads; h++) {
      KvHead head = heads[layer * kvHeads + h];
      int row = head.rows() - count + token;
      int o = offset + h * headDim;
      head.set(row, keys, o, values, o);
      if (bounded != null) {
        bounded.head(layer * kvHeads + h).place(row, position() + token);
      }
    }
  }

  /** Ends a batch of {@code count} tokens that all layers have attended; prunes if it is time. */
  public void end(WorkerPool pool, int count) {
    seen += count;
    if (bounded != null) {
      bounded.prune(pool, seen - count, seen);
    }
  }

  /** Rows of a layer's KV head that are in use. */
  public int rows(int layer, int kvHead) {
    return head(layer, kvHead).rows();
  }

  /** Segments, the pieces that attention can be shared out in, of so many rows. */
  public static int segments(int rows) {
    return Math.ceilDiv(rows, AttentionKernel.SEGMENT);
  }

  KvHead head(int layer, int kvHead) {
    return heads[layer * kvHeads + kvHead];
  }

  /** What a bounded cache keeps beside a head's rows, or null. */
  HeadState state(int layer, int kvHead) {
    return bounded == null ? null : bounded.head(layer * kvHeads + kvHead);
  }

  HeadState state(int head) {
    return bounded.head(head);
  }

  /** A head's calibration rows, or null. */
  CalibrationRows calibration(int layer, int kvHead) {
    return bounded == null ? null : state(layer, kvHead).calibration;
  }

  boolean hasReferences() {
    return bounded != null && bounded.hasReferences();
  }

  ReferenceScratch referenceScratch(int worker) {
    return bounded.referenceScratch(worker);
  }

  /** Index in the batch of the first token whose attention a policy wants to know. */
  int firstObserved() {
    return firstObserved;
  }

  /** Whether the sequence can be cut to its first {@code tokens} tokens. */
  public boolean canTruncate(long tokens) {
    return bounded == null || tokens == 0 || tokens == seen;
  }

  /**
   * Forgets every token from {@code tokens} on.
   *
   * @throws IllegalArgumentException unless {@link #canTruncate}: rows that a bounded cache has
   *     lost do not come back
   */
  public void truncate(long tokens) {
    if (!canTruncate(tokens)) {
      throw new IllegalArgumentException(
          "a bounded cache of %d tokens cannot go back to %d, only to 0".formatted(seen, tokens));
    }
    if (tokens == seen) {
      return;
    }
    seen = tokens;
    shift = 0;
    if (bounded != null) {
      bounded.clear();
      return;
    }
    for (KvHead head : heads) {
      head.truncate((int) tokens);
    }
  }

  /**
   * Carries everything that the sequence's next tokens depend on. Both sides must have the same
   * shape and options.
   *
   * @throws IllegalArgumentException if what is read was saved by another kind of cache
   */
  public void transfer(StateTransfer state) {
    state.same("heads", heads.length);
    state.same("dimensions of a head", headDim);
    state.same("bits of a vector", VectorShape.bits());
    state.same("bytes of a page", heads[0].pageBytes());
    seen = state.number(seen);
    shift = (int) state.number(shift);
    if (bounded != null) {
      bounded.transfer(state);
      return;
    }
    for (KvHead head : heads) {
      head.transfer(state, contextLength);
    }
  }

  /**
   * Begins with a prompt that was attended once for many caches; a bounded cache is pruned as after
   * a prompt of its own that it attended whole.
   *
   * @param prompt recorded with the same shape and number format
   * @throws IllegalArgumentException if the cache is not empty, or pruned while it attends a prompt
   */
  public void adopt(WorkerPool pool, PromptRecord prompt) {
    if (seen != 0 || bounded != null && !bounded.isOnce()) {
      throw new IllegalArgumentException(
          "only an empty cache that is compressed once can begin with another's prompt");
    }
    seen = prompt.tokens();
    if (bounded != null) {
      bounded.adopt(pool, prompt);
      return;
    }
    for (int i = 0; i < heads.length; i++) {
      heads[i].copyFrom(prompt.head(i).rows);
    }
  }

  /** What each layer holds of it; empty without a budget. */
  public List<CacheStatistics> layerStatistics() {
    List<CacheStatistics> layers = new ArrayList<>();
    for (int from = 0; bounded != null && from < heads.length; from += kvHeads) {
      layers.add(bounded.statistics(seen, from, from + kvHeads));
    }
    return layers;
  }

  /** What the cache holds. */
  public CacheStatistics statistics() {
    return bounded == null
        ? new CacheStatistics(seen, seen, 0, bytes(), 0, 0, 0, 0, 0, 0, 0, 0)
        : bounded.statistics(seen);
  }

  /** Bytes allocated for retained keys and values. */
  public long bytes() {
    long bytes = 0;
    for (KvHead head : heads) {
      bytes += head.bytes();
    }
    return bytes;
  }

  /** Frees the evicted tokens' memory; the cache must not be used afterwards. */
  @Override
  public void close() {
    if (bounded != null) {
      bounded.close();
    }
  }
}
