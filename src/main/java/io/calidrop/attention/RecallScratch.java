package io.calidrop.attention;

import io.calidrop.tensor.VectorShape;
import java.util.Arrays;

/** What one thread needs to choose rows of a store and to attend them. */
final class RecallScratch {
  private final CacheShape shape;
  private KvTypes types; // of the rows

  final SketchQuery near;
  final SketchQuery far;

  /** [group][headDim] the queries, turned to where stored keys see them. */
  final float[] nearQueries;

  final float[] farQueries;
  final BestRows best = new BestRows();

  /** [group, padded to 4][BLOCK] */
  final float[] base;

  final float[] sums = new float[KeySketches.SUMS];

  /** The result of the group's queries, padded to 4. */
  final SoftmaxPartials result;

  /** [rows] */
  float[] scores = {};

  /** The rows that were chosen. */
  KvHead rows;

  /** [chosen] rows as they are stored. */
  byte[] records = {};

  RecallScratch(CacheShape shape) {
    this.shape = shape;
    near = new SketchQuery(shape.group(), shape.headDim());
    far = new SketchQuery(shape.group(), shape.headDim());
    nearQueries = new float[shape.group() * shape.headDim()];
    farQueries = new float[shape.group() * shape.headDim()];
    base = new float[VectorShape.roundUp(shape.group(), KvHead.QUAD) * KvHead.BLOCK];
    result =
        new SoftmaxPartials(
            VectorShape.roundUp(shape.group(), KvHead.QUAD), ValueRows.valueDim(shape.headDim()));
  }

  /** Prepares for {@code count} rows of these formats, and for so many scores. */
  void start(KvTypes types, int scores, int count) {
    if (!types.equals(this.types)) {
      this.types = types;
      rows = types.newHead(shape.headDim());
    }
    if (records.length < count * rows.rowBytes()) {
      records = new byte[count * rows.rowBytes()];
    }
    if (this.scores.length < scores) {
      this.scores = Arrays.copyOf(this.scores, scores + scores / 2);
    }
  }
}
