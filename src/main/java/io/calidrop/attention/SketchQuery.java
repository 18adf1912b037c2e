package io.calidrop.attention;

import static io.calidrop.attention.RowPacker.GROUP;

import io.calidrop.tensor.Half;
import io.calidrop.tensor.VectorShape;

/**
 * The queries of a KV head's group as sketches are scored with: multiplied by the model's scale and
 * rotated as the keys were, once in single precision and once as odd numbers between -15 and 15 in
 * bit planes. For one thread at a time.
 */
final class SketchQuery {
  /** Bits of a number. */
  static final int PLANES = 4;

  private static final int MOST = (1 << PLANES) - 1;

  private final int dim;
  private final int groups;
  private final Hadamard rotation;
  private final float[] rotated; // [dim]

  /** [4][BLOCK] products of four queries with the centers of pages. */
  final float[] scratch = new float[KvHead.QUAD * KvHead.BLOCK];

  /** [heads, padded to 4][dim][4] for the centers. */
  final float[] quads;

  /** [heads][groups][PLANES] bits of 32 dimensions, the lowest first. */
  final int[] planes;

  /** [heads] what an odd number stands for. */
  final float[] steps;

  SketchQuery(int group, int dim) {
    this.dim = dim;
    groups = 2 * Math.ceilDiv(dim, 2 * GROUP);
    rotation = Hadamard.of(dim);
    rotated = new float[dim];
    quads = new float[VectorShape.roundUp(group, KvHead.QUAD) * dim];
    planes = new int[group * groups * PLANES];
    steps = new float[group];
  }

  /**
   * Takes over the queries of {@code heads} heads.
   *
   * @param q [heads][dim] at {@code offset}
   * @param scale of the model's scores
   */
  void load(float[] q, int offset, int heads, float scale) {
    for (int head = 0; head < heads; head++) {
      System.arraycopy(q, offset + head * dim, rotated, 0, dim);
      rotation.apply(rotated, 0, dim);
      AttentionKernel.toQuads(rotated, 0, dim, scale * Half.BIAS, quads, head);
      float most = 0;
      for (int d = 0; d < dim; d++) {
        most = Math.max(most, Math.abs(rotated[d]));
      }
      steps[head] = most / MOST * scale;
      float inverse = most == 0 ? 0 : MOST / (2 * most);
      for (int g = 0; g < groups; g++) {
        round(g * GROUP, inverse, (head * groups + g) * PLANES);
      }
    }
  }

  /** Dimensions beyond the last have no bits, as in the sketches. */
  private void round(int from, float inverse, int to) {
    int[] bits = planes;
    for (int p = 0; p < PLANES; p++) {
      bits[to + p] = 0;
    }
    for (int d = from; d < Math.min(from + GROUP, dim); d++) {
      int code = Math.clamp((int) (rotated[d] * inverse + (MOST / 2f + 0.5f)), 0, MOST);
      for (int p = 0; p < PLANES; p++) {
        bits[to + p] |= (code >> p & 1) << d - from;
      }
    }
  }
}
