package io.calidrop.attention;

/**
 * What stands in for evicted tokens (CaliDrop, arXiv 2507.19906, and our forms of it). Each form
 * has the fields that mean something in it; equal options are equal. Immutable: threads may share
 * them.
 */
public sealed interface CalibrationOptions {
  int DEFAULT_ROWS = 128;
  float DEFAULT_CALIBRATE_THRESHOLD = 0.8f;
  float DEFAULT_RECOMPUTE_THRESHOLD = 0.7f;

  /** The names of the forms. */
  enum Mode {
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
  enum Store {
    NONE,
    /** Native memory. */
    RAM,
    /** A memory-mapped temporary file. */
    FILE
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

  /** Forms in which queries are compared with a reference. */
  sealed interface References extends CalibrationOptions {
    /** Least cosine between a query and its reference at which what that saw is used again. */
    float calibrateThreshold();

    /** Cosine below which the evicted tokens are attended anew. */
    float recomputeThreshold();

    /** Whether the reference's mass follows the query to first order. */
    boolean firstOrder();

    /** Where evicted tokens stay for that; with {@link Store#NONE} nothing is attended anew. */
    Store store();
  }

  /** The paper's form, or its reference to first order. */
  record Paper(float calibrateThreshold, float recomputeThreshold, boolean firstOrder, Store store)
      implements References {
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

  /** First order above the threshold, the evicted store below. */
  record Recompute(float threshold, Store store) implements References {
    public Recompute {
      if (Float.isNaN(threshold)) {
        throw new IllegalArgumentException("the recompute threshold must be a number");
      }
    }

    @Override
    public Mode mode() {
      return Mode.RECOMPUTE;
    }

    @Override
    public float calibrateThreshold() {
      return threshold;
    }

    @Override
    public float recomputeThreshold() {
      return threshold;
    }

    @Override
    public boolean firstOrder() {
      return true;
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

  /** The paper's own form. */
  static Paper paper(float calibrateThreshold, float recomputeThreshold, Store store) {
    return new Paper(calibrateThreshold, recomputeThreshold, false, store);
  }

  static Recompute recompute(float threshold, Store store) {
    return new Recompute(threshold, store);
  }
}
