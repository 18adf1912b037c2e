package io.calidrop.eval;

/**
 * The score interval of a proportion (Wilson 1927), 95 %: sensible near 0 and 1 and for few
 * instances.
 *
 * @param low lower end
 * @param high upper end
 */
public record Wilson(double low, double high) {
  private static final double Z = 1.959964;

  /** The interval for {@code successes} of {@code n}. */
  public static Wilson of(int successes, int n) {
    if (n == 0) {
      return new Wilson(0, 1);
    }
    double p = (double) successes / n;
    double z2 = Z * Z / n;
    double center = (p + z2 / 2) / (1 + z2);
    double half = Z * Math.sqrt(p * (1 - p) / n + z2 / 4 / n) / (1 + z2);
    return new Wilson(Math.max(0, center - half), Math.min(1, center + half));
  }
}
