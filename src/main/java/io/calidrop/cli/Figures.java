package io.calidrop.cli;

import java.math.BigDecimal;
import java.math.MathContext;

/** Measured figures as tables show them. */
final class Figures {
  private Figures() {}

  /** Four significant digits; null, an empty cell, for NaN. */
  static Double round(double value) {
    return round(value, 4);
  }

  /** So many significant digits; null, an empty cell, for NaN. */
  static Double round(double value, int digits) {
    if (Double.isNaN(value) || Double.isInfinite(value)) {
      return null;
    }
    return new BigDecimal(value).round(new MathContext(digits)).doubleValue();
  }
}
