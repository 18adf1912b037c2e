package io.calidrop.attention;

import static io.calidrop.attention.KvHead.QUAD;

import io.calidrop.tensor.VectorShape;

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
  private int sketched; // token of the sketch, or -1

  /** [quads][dim][4], see {@link #loadQuads}, and room for packed keys' fields. */
  final float[] quads;

  /**
   * @param tokens most at a time
   */
  TurnedQueries(CacheShape shape, int tokens) {
    group = shape.group();
    dim = shape.headDim();
    scores = shape.scores();
    rotation = Hadamard.of(dim);
    int queries = VectorShape.roundUp(tokens * group, QUAD);
    turned = new float[queries * dim];
    rotated = new float[queries * dim];
    quads = new float[queries * dim + Integer.SIZE];
    sketch = new SketchQuery(group, dim);
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
    for (int o = to; o < to + length && by != 0; o += dim) {
      position.rotate(turned, o, by);
    }
    System.arraycopy(turned, to, rotated, to, length);
    rotation.apply(rotated, to, length);
    sketched = -1;
  }

  /** Prepares all queries of so many tokens for these keys. */
  void loadQuads(KeyRows keys, int tokens) {
    float[] from = keys.rotation().isNone() ? turned : rotated;
    float scale = scores.scale() * keys.queryScale();
    for (int query = 0; query < tokens * group; query++) {
      AttentionKernel.toQuads(from, query * dim, dim, scale, quads, query);
    }
  }

  /** The queries of a token, as sketches are scored with. */
  SketchQuery sketch(int token) {
    if (sketched != token) {
      sketch.load(rotated, token * group * dim, scores.scale());
      sketched = token;
    }
    return sketch;
  }
}
