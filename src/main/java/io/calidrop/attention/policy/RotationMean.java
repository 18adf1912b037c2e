package io.calidrop.attention.policy;

import io.calidrop.attention.HeadRows;

/**
 * The mean of the rotations to a range of positions, as a linear map. Rotations act on pairs of
 * dimensions, so their images of (1, 0) in every pair tell all.
 */
final class RotationMean {
  private final HeadRows rows;
  private final float[] image; // of 1 in the first and 0 in the second dimension of every pair

  RotationMean(HeadRows rows, int first, int count) {
    this.rows = rows;
    int dim = rows.headDim();
    image = new float[dim];
    float[] unit = new float[dim];
    for (int position = first; position < first + count; position++) {
      for (int d = 0; d < dim; d++) {
        unit[d] = d < rows.partner(d) ? 1 : 0;
      }
      rows.rotate(unit, position);
      for (int d = 0; d < dim; d++) {
        image[d] += unit[d] / count;
      }
    }
  }

  void apply(float[] x) {
    for (int d = 0; d < x.length; d++) {
      int partner = rows.partner(d);
      if (d < partner && partner < x.length) {
        float a = x[d];
        float b = x[partner];
        x[d] = a * image[d] - b * image[partner];
        x[partner] = a * image[partner] + b * image[d];
      }
    }
  }
}
