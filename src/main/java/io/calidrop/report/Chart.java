package io.calidrop.report;

import java.util.List;

/** A figure of a report. Immutable: threads may share it. */
public sealed interface Chart {
  /** Name of its files. */
  String name();

  String title();

  /** Which axes are logarithmic. */
  enum Scale {
    LINEAR,
    LOGARITHMIC_X,
    /** Both; all numbers must be positive. */
    LOGARITHMIC
  }

  /** Lines through points. */
  record Lines(String name, String title, String x, String y, Scale scale, List<Series> series)
      implements Chart {}

  /**
   * One line.
   *
   * @param group series of a group have one colour
   * @param dashed for what is compared against
   * @param errors half lengths of error bars, or empty
   */
  record Series(
      String label,
      String group,
      boolean dashed,
      List<Double> x,
      List<Double> y,
      List<Double> errors) {

    public Series {
      if (x.size() != y.size() || !errors.isEmpty() && errors.size() != y.size()) {
        throw new IllegalArgumentException("a series must have as many y as x");
      }
    }
  }

  /**
   * Colours for numbers.
   *
   * @param rows from the lowest to the highest
   * @param values [rows][columns], from 0; NaN where there is none
   * @param most value of the strongest colour, so that charts can be compared
   */
  record HeatMap(
      String name,
      String title,
      String x,
      String y,
      List<String> columns,
      List<String> rows,
      double[][] values,
      double most)
      implements Chart {}
}
