package io.calidrop.attention;

import io.calidrop.tensor.VectorShape;
import io.calidrop.tensor.WorkerPool;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * The keys and values of all layers of one conversation: what a forward pass and a session need of
 * them. One kind keeps every token, the other is pruned to a budget between batches; layers that
 * see a window keep that in both.
 *
 * <p>A batch goes {@link #begin}, for each layer {@link #extend}, {@link #store} and attention,
 * then {@link #end}. Only {@link #store} may be called by several threads at a time.
 */
@SuppressWarnings("exports") // of tensor: for this module's other packages
public abstract sealed class KvCache implements AutoCloseable permits FullCache, BoundedCache {
  private final CacheShape shape;
  private final LayerRotations rotations;
  private final WindowRows[] windows; // [layers], null where a layer sees everything
  private final int[] full; // [layers] number of a layer among those that see everything
  private long seen;
  private int shift; // tokens seen, less this, is the next position
  private int drafted; // last tokens of the batch that may be taken back

  KvCache(CacheShape shape, LayerRotations rotations, Supplier<KvHead> windowHead) {
    this.shape = shape;
    this.rotations = rotations;
    windows = new WindowRows[shape.layers()];
    full = new int[shape.layers()];
    int count = 0;
    for (int layer = 0; layer < windows.length; layer++) {
      full[layer] = count;
      if (shape.windows().has(layer)) {
        windows[layer] = new WindowRows(shape, windowHead);
      } else {
        count++;
      }
    }
  }

  /** A cache with a scratch of its own, of a model whose layers all rotate alike. */
  public static KvCache of(
      CacheShape shape,
      CacheOptions options,
      int contextLength,
      int threads,
      PositionRotation rotation) {
    return of(shape, options, contextLength, new CacheScratch(shape, threads), layer -> rotation);
  }

  /**
   * The kind of cache that the options ask for.
   *
   * @param contextLength positions that a sequence has, or that a bounded one is rebased at
   * @param scratch for the threads that prune it, which others may use at other times
   * @param rotations of the model's keys
   */
  public static KvCache of(
      CacheShape shape,
      CacheOptions options,
      int contextLength,
      CacheScratch scratch,
      LayerRotations rotations) {
    return options.budget().isEmpty()
        ? new FullCache(shape, options.kvTypes(), contextLength, rotations)
        : new BoundedCache(shape, contextLength, options, scratch, rotations);
  }

  /** Tokens that the sequence has had. */
  public final long seen() {
    return seen;
  }

  /** Rotary position of the next token. */
  public final int position() {
    return (int) (seen - shift);
  }

  /** By how much {@link #position} is less than {@link #seen}. */
  final int shift() {
    return shift;
  }

  /** Tokens that the next batch may have. */
  public abstract int room();

  /** Whether a sequence may grow beyond the context. */
  public abstract boolean isEndless();

  /**
   * Keeps the first tokens of the sequence whatever a policy says.
   *
   * @throws IllegalArgumentException if they take more than half of a budget
   */
  public abstract void pin(int tokens);

  /**
   * Announces that the next {@code tokens} tokens are a prompt, attended whole before the first
   * prune if a budget says {@link CacheBudget.Compress#ONCE}; without effect after that.
   */
  public abstract void expectPrompt(int tokens);

  /**
   * Lets the next {@code tokens} tokens, and none after them, read stored rows lightly: runs of
   * neighbours instead of single rows, which are quickly chosen.
   */
  public abstract void readLightly(int tokens);

  /** Tokens that the next batch may have and be taken back: it then ends before a prune. */
  public abstract int draftRoom();

  /**
   * Announces how many of the next batch's last tokens {@link #truncate} may take back; if any, it
   * is to follow, and to tell which stay. The batch has others before them, and keeps to {@link
   * #draftRoom}.
   */
  public final void draft(int count) {
    drafted = count;
  }

  /** Rebases positions if the next batch would leave the context. */
  public abstract void begin(WorkerPool pool);

  /** Makes room for {@code count} more tokens in a layer. */
  public final void extend(int layer, int count) {
    if (windows[layer] != null) {
      windows[layer].extend(seen, count);
    } else {
      extendFull(full[layer], count);
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
  public final void store(
      int layer, int count, int token, float[] keys, float[] values, int offset) {
    if (windows[layer] != null) {
      windows[layer].store(count, token, keys, values, offset);
    } else {
      storeFull(full[layer], count, token, keys, values, offset);
    }
  }

  /** Ends a batch of {@code count} tokens that all layers have attended; prunes if it is time. */
  public final void end(WorkerPool pool, int count) {
    seen += count;
    attended(pool, count);
  }

  /** Whether a prompt's next tokens will be wanted again when all have been attended. */
  public boolean isToBeReadAgain() {
    return false;
  }

  /** Whether the prompt is to be read again now, before anything is evicted. */
  public boolean isReadingDue() {
    return false;
  }

  /**
   * Begins a pass that reads a piece of the prompt again: it only shows what the tokens attend to,
   * and {@link #endReading} forgets them. The pass has all of them, and nothing else of the
   * sequence.
   *
   * @param tokens of the pass
   */
  public void beginReading(int tokens) {
    throw new IllegalStateException("no prompt is to be read again");
  }

  /**
   * Ends such a pass.
   *
   * @param last whether it was the last piece: the cache is then compressed
   */
  public void endReading(WorkerPool pool, boolean last) {
    throw new IllegalStateException("no prompt is being read again");
  }

  /** Goes back to the first {@code tokens} tokens, which windows still hold. */
  final void goBack(long tokens, int shift) {
    for (WindowRows window : windows) {
      if (window != null) {
        window.truncate(tokens);
      }
    }
    seen = tokens;
    this.shift = shift;
  }

  /** Counts positions on from {@code by} less. */
  final void shiftBack(int by) {
    shift += by;
  }

  /** Rows of a layer's KV head that are in use. */
  public final int rows(int layer, int kvHead) {
    return head(layer, kvHead).rows();
  }

  /** Segments, the pieces that attention can be shared out in, of so many rows. */
  public static int segments(int rows) {
    return Math.ceilDiv(rows, AttentionKernel.SEGMENT);
  }

  /** Makes sure that the sequence can be cut to its present tokens until the next mark. */
  public final void mark() {
    markWindows();
    markFull();
  }

  /** The same of windows alone, as far as they have not moved on. */
  final void markWindows() {
    for (WindowRows window : windows) {
      if (window != null) {
        window.mark();
      }
    }
  }

  /** Whether the sequence can always be cut to any of its tokens. */
  public final boolean isRewindable() {
    return isFullRewindable() && Arrays.stream(windows).allMatch(Objects::isNull);
  }

  /** Whether the sequence can be cut to its first {@code tokens} tokens. */
  public final boolean canTruncate(long tokens) {
    if (tokens == seen || isReturn(tokens)) {
      return true;
    }
    for (WindowRows window : windows) {
      if (window != null && !window.canTruncate(tokens)) {
        return false;
      }
    }
    return tokens >= seen - drafted || canDrop(tokens);
  }

  /** Whether a sequence is cut by going back to a copy of what it was. */
  private boolean isReturn(long tokens) {
    return tokens > 0 && tokens < seen - drafted && isCopied(tokens);
  }

  /**
   * Forgets every token from {@code tokens} on.
   *
   * @throws IllegalArgumentException unless {@link #canTruncate}: rows that were evicted since the
   *     last {@link #mark}, or that left a window, do not come back, nor what rounding took from
   *     the newest
   */
  public final void truncate(long tokens) {
    if (!canTruncate(tokens)) {
      throw new IllegalArgumentException(
          "a cache of %d tokens cannot go back to %d, only to 0: it no longer holds all of them"
              .formatted(seen, tokens));
    }
    if (isReturn(tokens)) {
      returnToCopy();
      drafted = 0;
    } else if (tokens != seen || drafted > 0) {
      for (WindowRows window : windows) {
        if (window != null) {
          window.truncate(tokens);
        }
      }
      drop((int) tokens);
      seen = tokens;
      shift = tokens == 0 ? 0 : shift;
      drafted = 0;
    }
  }

  /** Last tokens of the batch that may be taken back. */
  final int drafted() {
    return drafted;
  }

  /**
   * Carries everything that the sequence's next tokens depend on. Both sides must have the same
   * shape and options.
   *
   * @throws IllegalArgumentException if what is read was saved by another kind of cache
   */
  public final void transfer(StateTransfer state) {
    transfer(state, true);
  }

  /**
   * @param stores whether what is stored of evicted tokens goes along
   */
  final void transfer(StateTransfer state, boolean stores) {
    state.same("heads", shape.layers() * shape.kvHeads());
    state.same("dimensions of a head", shape.headDim());
    state.same("bits of a vector", VectorShape.bits());
    state.same("bytes of a page", head(0, 0).pageBytes());
    state.same("tokens of a window", shape.windows().tokens());
    seen = state.number(seen);
    shift = (int) state.number(shift);
    for (WindowRows window : windows) {
      if (window != null) {
        window.transfer(state, seen);
      }
    }
    transferRows(state, stores);
  }

  /**
   * Begins with a prompt that was attended once for many caches; a bounded cache is pruned as after
   * a prompt of its own that it attended whole.
   *
   * @param prompt recorded with the same shape and number format
   * @throws IllegalArgumentException if the cache is not empty, or pruned while it attends a prompt
   */
  public final void adopt(WorkerPool pool, AttendedPrompt prompt) {
    if (seen != 0 || !attendsPromptsWhole()) {
      throw new IllegalArgumentException(
          "only an empty cache that is compressed once can begin with another's prompt");
    }
    seen = prompt.tokens();
    for (int layer = 0; layer < windows.length; layer++) {
      if (windows[layer] != null) {
        windows[layer].copyFrom(prompt.window(layer));
      }
    }
    copy(pool, prompt);
  }

  /** What each layer holds of it; empty without a budget. */
  public final List<CacheStatistics> layerStatistics() {
    List<CacheStatistics> ofFull = fullLayerStatistics();
    if (ofFull.isEmpty()) {
      return ofFull;
    }
    return IntStream.range(0, windows.length)
        .mapToObj(
            layer ->
                windows[layer] == null ? ofFull.get(full[layer]) : windows[layer].statistics(seen))
        .toList();
  }

  /** What the cache holds. */
  public final CacheStatistics statistics() {
    long bytes = 0;
    for (WindowRows window : windows) {
      bytes += window == null ? 0 : window.bytes();
    }
    return fullStatistics().plusBytes(bytes);
  }

  /** Frees the evicted tokens' memory; the cache must not be used afterwards. */
  @Override
  public abstract void close();

  /** The keys and values that a layer's KV head holds. */
  final KvHead head(int layer, int kvHead) {
    return windows[layer] == null ? fullHead(full[layer], kvHead) : windows[layer].head(kvHead);
  }

  WindowRows window(int layer) {
    return windows[layer];
  }

  /** Number of a layer among those that see everything. */
  final int full(int layer) {
    return full[layer];
  }

  /* Of the layers that see everything, by their number among these. */

  abstract void extendFull(int index, int count);

  abstract void storeFull(
      int index, int count, int token, float[] keys, float[] values, int offset);

  abstract KvHead fullHead(int index, int kvHead);

  /** What each of them holds; empty without a budget. */
  abstract List<CacheStatistics> fullLayerStatistics();

  /** What they hold together. */
  abstract CacheStatistics fullStatistics();

  /** See {@link #mark}. */
  abstract void markFull();

  /** Whether there is a copy of what the sequence was with so many tokens. */
  boolean isCopied(long tokens) {
    return false;
  }

  /** Goes back to the copy. */
  void returnToCopy() {
    throw new IllegalStateException("there is no copy");
  }

  /** Whether they can always be cut to any number of tokens. */
  abstract boolean isFullRewindable();

  /**
   * Whether they can be cut to their first {@code tokens} tokens, fewer than there are, all of
   * which stayed in the last batch.
   */
  abstract boolean canDrop(long tokens);

  /* Of layers that see everything, by their number among all. */

  /** What stands in for a head's evicted tokens; no rows where nothing does. */
  abstract CalibrationRows calibration(int layer, int kvHead);

  /** The evicted rows of a head that can be read again, or null. */
  abstract StoredRows stored(int layer, int kvHead);

  /** How many of the next batch's tokens, its first ones, read stored rows lightly. */
  abstract int light();

  /** Whether {@link #compare} has anything to do. */
  abstract boolean hasReferences();

  /**
   * Compares a batch's queries with the references of their KV head, before they are attended.
   *
   * @param q [tokens][stride] rotated queries, the group's at {@code offset}
   */
  abstract void compare(
      int layer, int kvHead, float[] q, int offset, int stride, int tokens, Recall recall);

  /** Index in the batch of the first token whose attention a policy wants to know. */
  abstract int firstObserved();

  /**
   * Completes the attention of a tile of a batch's tokens, and keeps of its queries what will be
   * asked for.
   *
   * @param first index of the tile's first token in the batch
   * @param count tokens of the tile
   * @param tokens tokens of the batch
   * @param q [tokens][stride] rotated queries, those of the tile's first token at {@code offset}
   * @param result [count][group] attention over rows and calibration rows
   */
  abstract void complete(
      int layer,
      int kvHead,
      int first,
      int count,
      int tokens,
      float[] q,
      int offset,
      int stride,
      SoftmaxPartials result);

  /**
   * Adds the shares of attention that observed queries of a tile gave to each row.
   *
   * @param first index of the tile's first token in the batch
   * @param tokens tokens of the batch
   * @param rows rows that the tile sees
   * @param from first query of the tile that is observed
   * @param to one after the last
   */
  abstract void observe(
      int layer,
      int kvHead,
      int first,
      int tokens,
      int rows,
      ShareLog log,
      SoftmaxPartials result,
      int from,
      int to);

  /**
   * Whether it attends a prompt as any other that does not evict before its end, so that one can
   * begin with what {@linkplain #adopt another} has attended.
   */
  public abstract boolean attendsPromptsWhole();

  /** All layers have attended {@code count} more tokens, {@link #seen} now. */
  abstract void attended(WorkerPool pool, int count);

  /** Drops the rows of every token from {@code tokens} on; those of a draft before it stay. */
  abstract void drop(int tokens);

  /** Takes over the rows of a prompt of {@link #seen} tokens. */
  abstract void copy(WorkerPool pool, AttendedPrompt prompt);

  abstract void transferRows(StateTransfer state, boolean stores);

  /** The next positions lie {@code delta} before what they would have been. */
  final void moveBack(WorkerPool pool, int delta) {
    shift += delta;
    for (int layer = 0; layer < windows.length; layer++) {
      if (windows[layer] != null) {
        windows[layer].rebase(pool, rotations.ofLayer(layer), delta);
      }
    }
  }
}
