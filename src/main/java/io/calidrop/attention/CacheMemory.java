package io.calidrop.attention;

/** The memory that a bounded cache comes to hold, evicted tokens aside. */
public final class CacheMemory {
  private CacheMemory() {}

  /**
   * Bytes of a cache at its fullest: rows with the slack between prunes, what policies keep of
   * them, and the calibration state.
   */
  public static long bytes(CacheShape shape, CacheOptions options) {
    CacheBudget budget = options.budget().orElseThrow();
    HeadState head = HeadState.of(0, 0, shape, options, null);
    head.extend(budget.rows() + budget.pruneInterval());
    if (head.calibration != null) {
      head.calibration.rows.extend(head.calibration.capacity());
    }
    int full = shape.fullLayers().length;
    long windows = full == shape.layers() ? 0 : WindowRows.fullBytes(options.kvTypes(), shape);
    return full * shape.kvHeads() * (head.activeBytes() + head.calibrationBytes())
        + (shape.layers() - full) * windows;
  }

  /**
   * The largest budget that keeps within some bytes.
   *
   * @param options with any budget, whose rows are replaced
   * @throws IllegalArgumentException if not even sinks and window do
   */
  public static CacheOptions fit(CacheShape shape, CacheOptions options, long bytes, int most) {
    CacheBudget budget = options.budget().orElseThrow();
    int rows = budget.sinks() + budget.window();
    long least = bytes(shape, withRows(options, rows));
    if (least > bytes) {
      throw new IllegalArgumentException(
          "%d bytes are too few for a cache: sinks, window, prune interval and calibration alone take %d; raise --kv-memory, or lower --prune-interval, --calibration-rows or --calibration-samples"
              .formatted(bytes, least));
    }
    int tooMany = Math.max(rows, most) + 1;
    while (tooMany - rows > 1) {
      int middle = rows + (tooMany - rows) / 2;
      if (bytes(shape, withRows(options, middle)) <= bytes) {
        rows = middle;
      } else {
        tooMany = middle;
      }
    }
    return withRows(options, rows);
  }

  private static CacheOptions withRows(CacheOptions options, int rows) {
    CacheBudget budget = options.budget().orElseThrow();
    return options.bounded(
        new CacheBudget(
            rows,
            budget.sinks(),
            budget.window(),
            budget.pruneInterval(),
            budget.compress(),
            budget.positions()),
        options.policy(),
        options.calibration());
  }
}
