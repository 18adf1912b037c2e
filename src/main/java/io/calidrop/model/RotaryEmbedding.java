package io.calidrop.model;

import io.calidrop.attention.PositionRotation;

/**
 * Rotary position embedding (arXiv 2104.09864) of neighbouring pairs, as GGUF files order the rows
 * of Llama's query and key matrices.
 */
public final class RotaryEmbedding implements PositionRotation {
  private final double[] frequencies; // [ropeDim / 2] radians a position
  private final int headDim;

  /**
   * @param factors what each pair's frequency is divided by ({@code rope_freqs.weight}), or null
   */
  public RotaryEmbedding(LlamaConfig config, float[] factors) {
    headDim = config.headDim();
    frequencies = new double[config.ropeDim() / 2];
    for (int i = 0; i < frequencies.length; i++) {
      double factor = factors == null ? 1 : factors[i];
      frequencies[i] =
          Math.pow(config.ropeBase(), -2.0 * i / config.ropeDim()) / factor / config.ropeScale();
    }
  }

  int pairs() {
    return frequencies.length;
  }

  /** Writes [pairs] of (cos, sin) for a position. */
  public void angles(int position, float[] out, int offset) {
    for (int i = 0; i < frequencies.length; i++) {
      double angle = position * frequencies[i];
      out[offset + 2 * i] = (float) Math.cos(angle);
      out[offset + 2 * i + 1] = (float) Math.sin(angle);
    }
  }

  /** Rotates {@code heads} consecutive heads in place. */
  public void rotate(float[] x, int offset, int heads, float[] angles, int anglesOffset) {
    for (int h = 0; h < heads; h++) {
      int o = offset + h * headDim;
      for (int i = 0; i < 2 * frequencies.length; i += 2) {
        float cos = angles[anglesOffset + i];
        float sin = angles[anglesOffset + i + 1];
        float a = x[o + i];
        float b = x[o + i + 1];
        x[o + i] = a * cos - b * sin;
        x[o + i + 1] = a * sin + b * cos;
      }
    }
  }

  @Override
  public void rotate(float[] x, int offset, int delta) {
    for (int i = 0; i < frequencies.length; i++) {
      double angle = delta * frequencies[i];
      double cos = Math.cos(angle);
      double sin = Math.sin(angle);
      float a = x[offset + 2 * i];
      float b = x[offset + 2 * i + 1];
      x[offset + 2 * i] = (float) (a * cos - b * sin);
      x[offset + 2 * i + 1] = (float) (a * sin + b * cos);
    }
  }
}
