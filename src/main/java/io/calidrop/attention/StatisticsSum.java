package io.calidrop.attention;

/** Adds up the heads' parts of {@link CacheStatistics}. */
final class StatisticsSum {
  private int heads;
  private long kept;
  private long stored;
  private long folded;
  private long calibrationRows;
  private long activeBytes;
  private long calibrationBytes;
  private long storedBytes;
  private long sketchBytes;
  private long hotBytes;
  private long hotHits;
  private long hotMisses;
  private final EvictedLooks looks = new EvictedLooks();

  void add(HeadState head) {
    heads++;
    kept += head.rows.rows();
    stored += head.storedRows();
    folded += head.evicted() - head.storedRows();
    activeBytes += head.activeBytes();
    calibrationBytes += head.calibrationBytes();
    if (head.calibration != null) {
      calibrationRows += head.calibration.count();
    }
    if (head.stored != null) {
      storedBytes += head.stored.bytes();
      sketchBytes += head.stored.sketchBytes();
      HotBlocks hot = head.stored.records().hot();
      hotBytes += hot.bytes();
      hotHits += hot.hits();
      hotMisses += hot.misses();
    }
    looks.add(head.looks);
  }

  CacheStatistics of(long seen, long prunes, long pruneNanos, String storeTrouble) {
    double all = Math.max(1, heads); // every layer may see a window only
    return new CacheStatistics(
        seen,
        kept / all,
        stored / all,
        folded / all,
        calibrationRows / all,
        activeBytes,
        calibrationBytes,
        storedBytes,
        sketchBytes,
        hotBytes,
        hotHits,
        hotMisses,
        looks.count,
        looks.recomputed,
        looks.skipped,
        looks.calibrated,
        looks.count == 0 ? 0 : looks.similarities / looks.count,
        prunes,
        pruneNanos,
        storeTrouble);
  }
}
