package io.calidrop.attention.policy;

import io.calidrop.attention.HeadRows;

/**
 * The mean of the rotations to a range of positions, as a linear map. Rotations act on pairs of
 * neighbouring dimensions, so their images of (1, 0) in every pair tell all.
 */
final class RotationMean {
  private final float[] image; // of (1, 0, 1, 0, ...)

  RotationMean(HeadRows rows, int first, int count) {
    int dim = rows.headDim();
    image = new float[dim];
    float[] unit = new float[dim];
    for (int position = first; position < first + count; position++) {
      for (int d = 0; d < dim; d++) {
        unit[d] = 1 - d % 2;
      }
      rows.rotate(unit, position);
      for (int d = 0; d < dim; d++) {
        image[d] += unit[d] / count;
      }
    }
  }

  void apply(float[] x) {
    for (int d = 0; d + 1 < x.length; d += 2) {
      float a = x[d];
      float b = x[d + 1];
      x[d] = a * image[d] - b * image[d + 1];
      x[d + 1] = a * image[d + 1] + b * image[d];
    }
  }
}
