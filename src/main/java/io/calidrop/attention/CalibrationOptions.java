package io.calidrop.attention;

/**
 * What stands in for evicted tokens (CaliDrop, arXiv 2507.19906, and our forms of it).
 *
 * @param mode the form of calibration
 * @param rows most calibration rows per KV head, {@link Mode#FOLD}
 * @param window tokens whose queries the rows are fitted on, {@link Mode#FOLD}
 * @param samples most of these tokens whose queries are kept, evenly spaced
 * @param calibrateThreshold least cosine between a query and its reference at which what the
 *     reference saw is used again, {@link Mode#PAPER}
 * @param recomputeThreshold cosine below which the evicted tokens are attended anew
 * @param firstOrder whether the reference's mass follows the query to first order
 * @param store where evicted tokens stay for recomputing
 */
public record CalibrationOptions(
    Mode mode,
    int rows,
    int window,
    int samples,
    float calibrateThreshold,
    float recomputeThreshold,
    boolean firstOrder,
    Store store) {
  public static final int DEFAULT_ROWS = 128;
  public static final int DEFAULT_WINDOW = 128;
  public static final int DEFAULT_SAMPLES = 32;

  /** The form of calibration. */
  public enum Mode {
    /** Evicted tokens are lost. */
    OFF,
    /** One reference per query head, as the paper has it. */
    PAPER,
    /** Calibration rows per KV head, fitted on recent queries. */
    FOLD,
    /** One reference per query head to first order, refreshed from the evicted store. */
    RECOMPUTE
  }

  /** Where evicted tokens stay. */
  public enum Store {
    NONE,
    /** Native memory. */
    RAM,
    /** A memory-mapped temporary file. */
    FILE
  }

  public CalibrationOptions {
    if (rows < 1) {
      throw new IllegalArgumentException("there must be at least 1 calibration row, not " + rows);
    }
    if (window < 1) {
      throw new IllegalArgumentException(
          "the calibration window must hold at least 1 token, not " + window);
    }
    if (samples < 1 || samples > window) {
      throw new IllegalArgumentException(
          "the samples must be at least 1 and at most the calibration window of %d, not %d"
              .formatted(window, samples));
    }
    if (!(recomputeThreshold <= calibrateThreshold)) {
      throw new IllegalArgumentException(
          "the recompute threshold %s must not exceed the calibrate threshold %s"
              .formatted(recomputeThreshold, calibrateThreshold));
    }
  }

  public static CalibrationOptions off() {
    return new CalibrationOptions(
        Mode.OFF, DEFAULT_ROWS, DEFAULT_WINDOW, DEFAULT_SAMPLES, 1, 1, false, Store.NONE);
  }

  /** Fitted rows, the default form. */
  public static CalibrationOptions fold(int rows, int window, int samples) {
    return new CalibrationOptions(Mode.FOLD, rows, window, samples, 1, 1, false, Store.NONE);
  }

  /** The paper's form; without a store nothing is recomputed. */
  public static CalibrationOptions paper(
      float calibrateThreshold, float recomputeThreshold, Store store) {
    return new CalibrationOptions(
        Mode.PAPER,
        DEFAULT_ROWS,
        DEFAULT_WINDOW,
        DEFAULT_SAMPLES,
        calibrateThreshold,
        recomputeThreshold,
        false,
        store);
  }

  /** First order above the threshold, the evicted store below. */
  public static CalibrationOptions recompute(float threshold, Store store) {
    return new CalibrationOptions(
        Mode.RECOMPUTE,
        DEFAULT_ROWS,
        DEFAULT_WINDOW,
        DEFAULT_SAMPLES,
        threshold,
        threshold,
        true,
        store);
  }

  /** Whether queries are compared with a reference. */
  boolean hasReferences() {
    return mode == Mode.PAPER || mode == Mode.RECOMPUTE;
  }
}
