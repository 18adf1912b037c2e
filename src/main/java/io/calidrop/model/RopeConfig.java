package io.calidrop.model;

import io.calidrop.model.family.Architecture.Pairing;

/**
 * How a model rotates queries and keys.
 *
 * @param pairing which dimensions are rotated together
 * @param dim leading dimensions of a head that are rotated
 * @param windowBase base in layers that see a window; these know no scaling
 * @param factor what positions are divided by: 1 for no scaling
 * @param yarn the ramp between scaled and unscaled frequencies, or null where all are scaled
 * @param magnitude factor of rotated vectors
 * @param originalContext positions before the scaling; above them long factors count, where a model
 *     has them
 */
public record RopeConfig(
    Pairing pairing,
    int dim,
    float base,
    float windowBase,
    float factor,
    Yarn yarn,
    float magnitude,
    int originalContext) {

  /**
   * YaRN (arXiv 2309.00071).
   *
   * @param betaFast rotations within the original context above which a frequency is not scaled
   * @param betaSlow rotations below which it is scaled whole
   */
  public record Yarn(float betaFast, float betaSlow) {}

  /** Whether windowed layers rotate as the others do. */
  boolean isUniform() {
    return base == windowBase && factor == 1 && magnitude == 1;
  }

  /**
   * Radians a position of each pair.
   *
   * @param factors [dim / 2] what the frequencies are divided by, or null
   */
  double[] frequencies(float[] factors) {
    double[] frequencies = new double[dim / 2];
    for (int i = 0; i < frequencies.length; i++) {
      double factor = factors == null ? 1 : factors[i];
      frequencies[i] = Math.pow(base, -2.0 * i / dim) / factor / this.factor;
      if (yarn != null) {
        double unscaled = unscaled(i);
        frequencies[i] *= 1 - unscaled + unscaled * this.factor;
      }
    }
    return frequencies;
  }

  /** The frequencies in layers that see a window. */
  double[] windowFrequencies() {
    return new RopeConfig(pairing, dim, windowBase, windowBase, 1, null, 1, 0).frequencies(null);
  }

  /** How much of a pair's frequency YaRN leaves as it is, 0 to 1. */
  private double unscaled(int pair) {
    double low = Math.max(0, Math.floor(turning(yarn.betaFast())));
    double high = Math.min(dim - 1, Math.ceil(turning(yarn.betaSlow())));
    double ramp = (pair - low) / Math.max(0.001, high - low);
    return 1 - Math.clamp(ramp, 0, 1);
  }

  /** The pair, as a real number, that turns so many times within the original context. */
  private double turning(double rotations) {
    return dim * Math.log(originalContext / (rotations * 2 * Math.PI)) / (2 * Math.log(base));
  }
}
