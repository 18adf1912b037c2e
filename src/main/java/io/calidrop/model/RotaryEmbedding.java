package io.calidrop.model;

import io.calidrop.attention.PositionRotation;
import io.calidrop.model.family.Architecture.Pairing;

/**
 * Rotary position embedding (arXiv 2104.09864), of neighbouring dimensions or of a head's halves:
 * converters order the rows of query and key matrices for one or the other. Immutable: threads may
 * share it.
 */
public final class RotaryEmbedding implements PositionRotation {
  private final double[] frequencies; // [rotated dimensions / 2] radians a position
  private final int headDim;
  private final float magnitude;
  private final int step; // from a pair to the next
  private final int distance; // between the two of a pair

  /**
   * @param frequencies [rotated dimensions / 2] radians a position
   * @param magnitude factor of what is rotated to a position
   */
  public RotaryEmbedding(double[] frequencies, int headDim, Pairing pairing, float magnitude) {
    this.frequencies = frequencies.clone();
    this.headDim = headDim;
    this.magnitude = magnitude;
    boolean halves = pairing == Pairing.HALVES;
    step = halves ? 1 : 2;
    distance = halves ? frequencies.length : 1;
  }

  int pairs() {
    return frequencies.length;
  }

  /** Writes [pairs] of (cos, sin) for a position. */
  public void angles(int position, float[] out, int offset) {
    for (int i = 0; i < frequencies.length; i++) {
      double angle = position * frequencies[i];
      out[offset + 2 * i] = (float) Math.cos(angle) * magnitude;
      out[offset + 2 * i + 1] = (float) Math.sin(angle) * magnitude;
    }
  }

  /** Rotates {@code heads} consecutive heads in place. */
  public void rotate(float[] x, int offset, int heads, float[] angles, int anglesOffset) {
    for (int h = 0; h < heads; h++) {
      int o = offset + h * headDim;
      for (int i = 0; i < 2 * frequencies.length; i += 2, o += step) {
        float cos = angles[anglesOffset + i];
        float sin = angles[anglesOffset + i + 1];
        float a = x[o];
        float b = x[o + distance];
        x[o] = a * cos - b * sin;
        x[o + distance] = a * sin + b * cos;
      }
    }
  }

  @Override
  public void rotate(float[] x, int offset, int delta) {
    rotate(x, offset, 1, headDim, delta);
  }

  @Override
  public void rotate(float[] x, int offset, int count, int length, int delta) {
    for (int i = 0; i < frequencies.length; i++) {
      double angle = delta * frequencies[i];
      double cos = Math.cos(angle);
      double sin = Math.sin(angle);
      for (int at = offset + i * step; at < offset + count * length; at += length) {
        float a = x[at];
        float b = x[at + distance];
        x[at] = (float) (a * cos - b * sin);
        x[at + distance] = (float) (a * sin + b * cos);
      }
    }
  }

  @Override
  public void toOrigin(float[] x, int offset, int count, int length, int[] positions) {
    for (int i = 0; i < frequencies.length; i++) {
      double nextCos = Math.cos(frequencies[i]);
      double nextSin = Math.sin(frequencies[i]);
      double cos = 1;
      double sin = 0;
      for (int row = 0; row < count; row++) {
        if (row > 0 && positions[row] == positions[row - 1] + 1) {
          double before = cos;
          cos = before * nextCos - sin * nextSin;
          sin = before * nextSin + sin * nextCos;
        } else {
          cos = Math.cos(positions[row] * frequencies[i]);
          sin = Math.sin(positions[row] * frequencies[i]);
        }
        int at = offset + row * length + i * step;
        float a = x[at];
        float b = x[at + distance];
        x[at] = (float) (a * cos + b * sin);
        x[at + distance] = (float) (b * cos - a * sin);
      }
    }
  }

  @Override
  public int partner(int d) {
    if (distance == 1 || d >= 2 * distance) {
      return d ^ 1;
    }
    return d < distance ? d + distance : d - distance;
  }
}
