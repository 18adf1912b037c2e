package io.calidrop.attention;

import java.util.Arrays;
import java.util.function.Supplier;

/** The keys and values of one layer in a cache that keeps every token: one row for each. */
final class LayerRows {
  private final KvHead[] heads; // [kvHeads]
  private final int headDim;

  LayerRows(int kvHeads, int headDim, Supplier<KvHead> newHead) {
    this.headDim = headDim;
    heads = new KvHead[kvHeads];
    Arrays.setAll(heads, i -> newHead.get());
  }

  KvHead head(int kvHead) {
    return heads[kvHead];
  }

  int heads() {
    return heads.length;
  }

  /** Makes room for {@code count} more tokens. */
  void extend(int count) {
    for (KvHead head : heads) {
      head.extend(count);
    }
  }

  /** Makes room for {@code tokens} tokens in all, of those that {@link #extend} takes into use. */
  void reserve(int tokens) {
    for (KvHead head : heads) {
      head.reserve(tokens);
    }
  }

  /** See {@link KvCache#store}. */
  void store(int count, int token, float[] keys, float[] values, int offset) {
    for (int h = 0; h < heads.length; h++) {
      int o = offset + h * headDim;
      heads[h].set(heads[h].rows() - count + token, keys, o, values, o);
    }
  }

  /** See {@link KvCache#mark}. */
  void mark() {
    for (KvHead head : heads) {
      head.mark();
    }
  }

  /** Whether {@link #truncate} can leave so many tokens; all heads are alike. */
  boolean canTruncate(int tokens) {
    return heads[0].canTruncate(tokens);
  }

  /** Drops every token from {@code tokens} on. */
  void truncate(int tokens) {
    for (KvHead head : heads) {
      head.truncate(tokens);
    }
  }

  /** Drops the first {@code tokens} tokens, whole pages. */
  void dropFirst(int tokens) {
    for (KvHead head : heads) {
      head.dropFirst(tokens);
    }
  }

  /** Frees the pages that no token needs. */
  void release() {
    for (KvHead head : heads) {
      head.release(head.rows());
    }
  }

  void copyFrom(LayerRows other) {
    for (int h = 0; h < heads.length; h++) {
      heads[h].copyFrom(other.heads[h]);
    }
  }

  /**
   * @param most tokens that there can be
   */
  void transfer(StateTransfer state, int most) {
    for (KvHead head : heads) {
      head.transfer(state, most);
    }
  }

  long bytes() {
    long bytes = 0;
    for (KvHead head : heads) {
      bytes += head.bytes();
    }
    return bytes;
  }
}
