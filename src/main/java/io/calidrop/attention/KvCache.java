package io.calidrop.attention;

/** The KV heads of all layers of one conversation, and attention over them. */
public final class KvCache {
  private final KvHead[] heads; // [layers][kvHeads]
  private final int kvHeads;
  private final int headDim;

  public KvCache(int layers, int kvHeads, int headDim, KvType type) {
    this.kvHeads = kvHeads;
    this.headDim = headDim;
    heads = new KvHead[layers * kvHeads];
    for (int i = 0; i < heads.length; i++) {
      heads[i] = type.newHead(headDim);
    }
  }

  /** Makes room for {@code count} more tokens in a layer. */
  public void extend(int layer, int count) {
    for (int h = 0; h < kvHeads; h++) {
      heads[layer * kvHeads + h].extend(count);
    }
  }

  /**
   * Stores the keys and values of one token of those that {@link #extend} made room for. Different
   * tokens may be stored by different threads.
   *
   * @param fromEnd how many tokens come after it, plus one
   * @param keys [kvHeads][headDim] rotated keys at {@code offset}
   * @param values [kvHeads][headDim] values at {@code offset}
   */
  public void store(int layer, int fromEnd, float[] keys, float[] values, int offset) {
    for (int h = 0; h < kvHeads; h++) {
      KvHead head = heads[layer * kvHeads + h];
      int o = offset + h * headDim;
      head.set(head.rows() - fromEnd, keys, o, values, o);
    }
  }

  /** Rows of a layer's KV head that are in use. */
  public int rows(int layer, int kvHead) {
    return heads[layer * kvHeads + kvHead].rows();
  }

  /** Segments, the pieces that attention can be shared out in, of so many rows. */
  public static int segments(int rows) {
    return Math.ceilDiv(rows, AttentionKernel.SEGMENT);
  }

  KvHead head(int layer, int kvHead) {
    return heads[layer * kvHeads + kvHead];
  }

  /** Forgets every row from {@code rows} on. */
  public void truncate(int rows) {
    for (KvHead head : heads) {
      head.truncate(rows);
    }
  }

  /** Bytes allocated for keys and values. */
  public long bytes() {
    long bytes = 0;
    for (KvHead head : heads) {
      bytes += head.bytes();
    }
    return bytes;
  }
}
