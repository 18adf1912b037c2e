package io.calidrop.attention;

/** Adds up the heads' parts of {@link CacheStatistics}. */
final class StatisticsSum {
  private long kept;
  private long calibrationRows;
  private long activeBytes;
  private long calibrationBytes;
  private long evictedBytes;
  private long calibrations;
  private long recomputations;
  private long skips;
  private double similarities;

  void add(HeadState head) {
    kept += head.rows.rows();
    activeBytes += head.activeBytes();
    calibrationBytes += head.calibrationBytes();
    if (head.calibration != null) {
      calibrationRows += head.calibration.count();
    }
    ReferenceCalibration references = head.references;
    if (references != null) {
      evictedBytes += references.storedBytes();
      calibrations += references.calibrations();
      recomputations += references.recomputations();
      skips += references.skips();
      similarities += references.similarities();
    }
  }

  CacheStatistics of(long seen, int heads, long prunes, long pruneNanos) {
    long compared = calibrations + recomputations + skips;
    return new CacheStatistics(
        seen,
        (double) kept / Math.max(1, heads), // every layer may see a window only
        (double) calibrationRows / Math.max(1, heads),
        activeBytes,
        calibrationBytes,
        evictedBytes,
        calibrations,
        recomputations,
        skips,
        compared == 0 ? 0 : similarities / compared,
        prunes,
        pruneNanos);
  }
}
