package io.calidrop.attention;

/** What became of evicted rows whenever queries met them: CaliDrop's three outcomes, by rows. */
final class EvictedLooks {
  /** How often queries met some. */
  long count;

  /** RECOMPUTE: rows that were read. */
  long recomputed;

  /** SKIP: rows that were left out. */
  long skipped;

  /** CALIBRATE: rows that something stood in for. */
  long calibrated;

  /** Sum of the cosines of queries and their references. */
  double similarities;

  /**
   * Some more tokens' looks at a KV head without references.
   *
   * @param read stored rows that each read
   * @param stored rows
   * @param gone evicted rows that are not stored
   * @param calibrated whether anything stands in for these
   */
  void add(int tokens, long read, long stored, long gone, boolean calibrated) {
    count += tokens;
    recomputed += tokens * read;
    skipped += tokens * (stored - read + (calibrated ? 0 : gone));
    this.calibrated += calibrated ? tokens * gone : 0;
  }

  void add(EvictedLooks other) {
    count += other.count;
    recomputed += other.recomputed;
    skipped += other.skipped;
    calibrated += other.calibrated;
    similarities += other.similarities;
  }

  void transfer(StateTransfer state) {
    count = state.number(count);
    recomputed = state.number(recomputed);
    skipped = state.number(skipped);
    calibrated = state.number(calibrated);
    similarities = Double.longBitsToDouble(state.number(Double.doubleToLongBits(similarities)));
  }
}
