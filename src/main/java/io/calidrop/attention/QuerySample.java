package io.calidrop.attention;

/**
 * The last queries that are kept of each head: what calibration rows are fitted on, and what some
 * policies foresee attention from.
 *
 * @param window tokens that they are taken from
 * @param samples most of these tokens whose queries are kept, evenly spaced
 */
public record QuerySample(int window, int samples) {
  public static final int DEFAULT_WINDOW = 128;
  public static final int DEFAULT_SAMPLES = 32;

  /** The default window and samples. */
  public static final QuerySample DEFAULT = new QuerySample(DEFAULT_WINDOW, DEFAULT_SAMPLES);

  public QuerySample {
    if (window < 1) {
      throw new IllegalArgumentException(
          "the calibration window must hold at least 1 token, not " + window);
    }
    if (samples < 1 || samples > window) {
      throw new IllegalArgumentException(
          "the samples must be at least 1 and at most the calibration window of %d, not %d"
              .formatted(window, samples));
    }
  }
}
