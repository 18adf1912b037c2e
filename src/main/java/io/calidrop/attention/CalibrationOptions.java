package io.calidrop.attention;

/**
 * What stands in for evicted tokens (CaliDrop, arXiv 2507.19906, and our forms of it). Each form
 * has the fields that mean something in it; equal options are equal. Immutable: threads may share
 * them.
 */
public sealed interface CalibrationOptions {
  int DEFAULT_ROWS = 128;
  float DEFAULT_CALIBRATE_THRESHOLD = 0.8f;

  /** The names of the forms. */
  enum Mode {
    /** Evicted tokens are lost. */
    OFF,
    /** One reference per query head, as the paper has it. */
    PAPER,
    /** Calibration rows per KV head, fitted on recent queries. */
    FOLD
  }

  /** The form's name. */
  Mode mode();

  /** Evicted tokens are lost. */
  record Off() implements CalibrationOptions {
    @Override
    public Mode mode() {
      return Mode.OFF;
    }
  }

  /**
   * Fitted rows, the default form.
   *
   * @param rows most calibration rows per KV head
   * @param queries that the rows are fitted on
   */
  record Fold(int rows, QuerySample queries) implements CalibrationOptions {
    public Fold {
      if (rows < 1) {
        throw new IllegalArgumentException("there must be at least 1 calibration row, not " + rows);
      }
    }

    @Override
    public Mode mode() {
      return Mode.FOLD;
    }
  }

  /**
   * The paper's form: queries are compared with a reference.
   *
   * @param calibrateThreshold least cosine between a query and its reference at which what that saw
   *     is used again
   * @param recomputeThreshold cosine below which the stored rows are attended anew, if there is a
   *     store
   */
  record Paper(float calibrateThreshold, float recomputeThreshold) implements CalibrationOptions {
    public Paper {
      if (!(recomputeThreshold <= calibrateThreshold)) {
        throw new IllegalArgumentException(
            "the recompute threshold %s must not exceed the calibrate threshold %s"
                .formatted(recomputeThreshold, calibrateThreshold));
      }
    }

    @Override
    public Mode mode() {
      return Mode.PAPER;
    }
  }

  static Off off() {
    return new Off();
  }

  /** The default form with its default rows and queries. */
  static Fold fold() {
    return new Fold(DEFAULT_ROWS, QuerySample.DEFAULT);
  }

  static Fold fold(int rows, int window, int samples) {
    return new Fold(rows, new QuerySample(window, samples));
  }

  static Paper paper(float calibrateThreshold, float recomputeThreshold) {
    return new Paper(calibrateThreshold, recomputeThreshold);
  }
}
