package io.calidrop.attention;

import io.calidrop.tensor.WorkerPool;
import java.util.function.Supplier;

/**
 * The keys and values of a layer that sees the last tokens only: those of the window, and at most a
 * segment of older ones. Rows leave in whole segments, so that a token's attention is added up in
 * the same order whatever the batch.
 */
final class WindowRows {
  private final LayerRows rows;
  private final int window;
  private long first; // token of the first row, a multiple of the segment

  /**
   * @param newHead of the layer
   */
  WindowRows(CacheShape shape, Supplier<KvHead> newHead) {
    rows = new LayerRows(shape.kvHeads(), shape.headDim(), newHead);
    window = shape.windows().tokens();
  }

  KvHead head(int kvHead) {
    return rows.head(kvHead);
  }

  /** Makes room for {@code count} tokens after {@code seen} others. */
  void extend(long seen, int count) {
    dropInvisible(seen);
    rows.extend(count);
    rows.release();
  }

  private void dropInvisible(long seen) {
    while (first + AttentionKernel.SEGMENT <= oldest(seen)) {
      rows.dropFirst(AttentionKernel.SEGMENT);
      first += AttentionKernel.SEGMENT;
    }
  }

  /** The oldest token that the token after {@code seen} others sees. */
  private long oldest(long seen) {
    return seen - window + 1;
  }

  /** See {@link KvCache#store}. */
  void store(int count, int token, float[] keys, float[] values, int offset) {
    rows.store(count, token, keys, values, offset);
  }

  /** Whether what the token after {@code tokens} others sees is still there. */
  boolean canTruncate(long tokens) {
    return tokens == 0
        || first <= Math.max(0, oldest(tokens)) && rows.canTruncate((int) (tokens - first));
  }

  /** See {@link KvCache#mark}. */
  void mark() {
    rows.mark();
  }

  /** Drops every token from {@code tokens} on. */
  void truncate(long tokens) {
    rows.truncate((int) Math.max(0, tokens - first));
    if (tokens == 0) {
      first = 0;
    }
  }

  /** Moves all keys back by some positions. */
  void rebase(WorkerPool pool, PositionRotation rotation, int delta) {
    pool.run((h, worker) -> rebase(rows.head(h), rotation, delta), rows.heads());
  }

  private static void rebase(KvHead head, PositionRotation rotation, int delta) {
    float[] key = new float[head.headDim];
    for (int row = 0; row < head.rows(); row++) {
      head.getKey(row, key, 0);
      rotation.rotate(key, 0, -delta);
      head.setKey(row, key, 0);
    }
  }

  void copyFrom(WindowRows other) {
    rows.copyFrom(other.rows);
    first = other.first;
  }

  /** Carries the rows after {@code seen} tokens. */
  void transfer(StateTransfer state, long seen) {
    if (!state.reading()) {
      dropInvisible(seen);
    }
    first = state.number(first);
    rows.transfer(state, window + AttentionKernel.SEGMENT);
  }

  CacheStatistics statistics(long seen) {
    int kept = (int) Math.min(window, seen);
    return CacheStatistics.of(seen, kept, bytes());
  }

  long bytes() {
    return rows.bytes();
  }

  /** Bytes of a layer that has passed its window. */
  static long fullBytes(KvTypes types, CacheShape shape) {
    WindowRows layer = new WindowRows(shape, () -> types.newHead(shape.headDim()));
    layer.rows.extend(layer.window + AttentionKernel.SEGMENT);
    return layer.bytes();
  }
}
