package io.calidrop.cli;

/** Measured figures as tables show them. */
final class Figures {
  private Figures() {}

  /** Four significant digits; null, an empty cell, for NaN. */
  static Double round(double value) {
    if (Double.isNaN(value) || Double.isInfinite(value)) {
      return null;
    }
    return value == 0 ? 0 : Double.valueOf("%.3e".formatted(value));
  }
}
