package io.calidrop.attention;

/**
 * Queries of a tile, turned to where some of the stored keys see them. For one thread at a time.
 */
final class TurnedQueries {
  private final int group;
  private final int dim;
  private final AttentionScores scores;
  private final Hadamard rotation;
  private final float[] turned; // [tokens][group][dim]
  private final float[] rotated; // the same, rotated as sketched keys are
  private final SketchQuery sketch;
  private final boolean[] sketched; // [tokens]

  /** [tokens][group][dim], and room for a vector beyond. */
  final float[] scaled;

  /**
   * @param tokens most at a time
   */
  TurnedQueries(CacheShape shape, int tokens) {
    group = shape.group();
    dim = shape.headDim();
    scores = shape.scores();
    rotation = Hadamard.of(dim);
    turned = new float[tokens * group * dim];
    rotated = new float[turned.length];
    scaled = new float[turned.length + ValueRows.valueDim(dim)];
    sketch = new SketchQuery(tokens, group, dim);
    sketched = new boolean[tokens];
  }

  /**
   * Takes over queries of a token.
   *
   * @param q [heads][dim] at {@code offset}
   * @param by which they are turned forward
   */
  void turn(PositionRotation position, float[] q, int offset, int heads, int token, int by) {
    int to = token * group * dim;
    int length = heads * dim;
    System.arraycopy(q, offset, turned, to, length);
    if (by != 0) {
      position.rotate(turned, to, heads, dim, by);
    }
    System.arraycopy(turned, to, rotated, to, length);
    rotation.apply(rotated, to, length);
    sketched[token] = false;
  }

  /** Multiplies all queries of so many tokens by the model's scale, see {@link #scaled}. */
  void scale(int tokens, boolean rotated) {
    float[] from = rotated ? this.rotated : turned;
    for (int i = 0; i < tokens * group * dim; i++) {
      scaled[i] = from[i] * scores.scale();
    }
  }

  /** The queries as sketches are scored with, those of a token among them. */
  SketchQuery sketch(int token) {
    if (!sketched[token]) {
      sketch.load(token, rotated, token * group * dim, scores.scale());
      sketched[token] = true;
    }
    return sketch;
  }
}
