package io.calidrop.attention;

import java.util.Optional;

/** The memory that a cache comes to hold, evicted tokens aside. */
public final class CacheMemory {
  private CacheMemory() {}

  /**
   * Bytes of a bounded cache at its fullest: rows with the slack between prunes, what policies keep
   * of them, and the calibration state.
   */
  public static long bytes(CacheShape shape, CacheOptions options) {
    CacheBudget budget = options.budget().orElseThrow();
    int pages = Math.ceilDiv(budget.rows() + budget.pruneInterval(), KvHead.BLOCK);
    long two = headBytes(shape, options, 2); // as many have newest rows
    long head =
        pages > 2
            ? two + (pages - 2) * (headBytes(shape, options, 3) - two)
            : headBytes(shape, options, pages);
    int full = shape.fullLayers().length;
    return full * shape.kvHeads() * head
        + (shape.layers() - full) * windowBytes(shape, options.kvTypes());
  }

  private static long headBytes(CacheShape shape, CacheOptions options, int pages) {
    HeadState head = HeadState.of(0, 0, shape, options, null);
    for (int page = 0; page < pages; page++) {
      head.extend(KvHead.BLOCK);
    }
    if (head.calibration != null) {
      head.calibration.rows.extend(head.calibration.capacity());
    }
    return head.activeBytes() + head.calibrationBytes();
  }

  /** Bytes of a cache that keeps every token, after {@code tokens} of them. */
  public static long bytes(CacheShape shape, KvTypes types, int tokens) {
    int full = shape.fullLayers().length;
    KvHead head = types.newFullHead(shape.headDim());
    int newest = Math.min(tokens, NewestRows.LEAST + KvHead.BLOCK);
    head.extend(newest);
    head.mark();
    long pages = Math.ceilDiv(tokens, KvHead.BLOCK) - Math.ceilDiv(newest, KvHead.BLOCK);
    return full * shape.kvHeads() * (head.bytes() + pages * head.pageBytes())
        + (shape.layers() - full) * windowBytes(shape, types);
  }

  private static long windowBytes(CacheShape shape, KvTypes types) {
    return shape.fullLayers().length == shape.layers() ? 0 : WindowRows.fullBytes(types, shape);
  }

  /** Most bytes that the store of a cache takes of a sequence so long, wherever they are. */
  public static long storeBytes(CacheShape shape, CacheOptions options, long tokens) {
    return options.store().map(store -> StoredRows.mostBytes(shape, store, tokens)).orElse(0L);
  }

  /**
   * The largest budget that keeps within some bytes.
   *
   * @param options with any budget, whose rows are replaced
   * @param most rows that are of any use
   * @return the options with that budget, or empty if not even sinks and window fit
   */
  public static Optional<CacheOptions> fit(
      CacheShape shape, CacheOptions options, long bytes, int most) {
    int rows = leastRows(options);
    if (bytes(shape, options.withRows(rows)) > bytes) {
      return Optional.empty();
    }
    int tooMany = Math.max(rows, most) + 1;
    while (tooMany - rows > 1) {
      int middle = rows + (tooMany - rows) / 2;
      if (bytes(shape, options.withRows(middle)) <= bytes) {
        rows = middle;
      } else {
        tooMany = middle;
      }
    }
    return Optional.of(options.withRows(rows));
  }

  /** Bytes of a cache with the smallest budget that its sinks and window allow. */
  public static long leastBytes(CacheShape shape, CacheOptions options) {
    return bytes(shape, options.withRows(leastRows(options)));
  }

  private static int leastRows(CacheOptions options) {
    CacheBudget budget = options.budget().orElseThrow();
    return budget.sinks() + budget.window();
  }
}
