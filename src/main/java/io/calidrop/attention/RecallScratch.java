package io.calidrop.attention;

import io.calidrop.tensor.VectorShape;

/** What one thread needs to choose rows of a store and to attend them. */
final class RecallScratch {
  private final CacheShape shape;
  private KvTypes types; // of the rows

  final SketchQuery near;
  final SketchQuery far;

  /** [tokens][group][headDim] the queries, turned to where stored keys see them. */
  final float[] nearQueries;

  final float[] farQueries;
  final BestRows best = new BestRows();
  final ChosenRows chosen = new ChosenRows();

  /** [group, padded to 4][BLOCK] */
  final float[] base;

  final float[] sums = new float[KeySketches.SUMS];

  /** The result of [tokens][group], padded to 4. */
  final SoftmaxPartials result;

  /** [rows] */
  float[] scores = {};

  /** The rows that were chosen, of all tokens. */
  KvHead rows;

  private byte[] records = {};

  /**
   * @param tokens most at a time
   */
  RecallScratch(CacheShape shape, int tokens) {
    this.shape = shape;
    int queries = VectorShape.roundUp(tokens * shape.group(), KvHead.QUAD);
    near = new SketchQuery(shape.group(), shape.headDim());
    far = new SketchQuery(shape.group(), shape.headDim());
    nearQueries = new float[queries * shape.headDim()];
    farQueries = new float[queries * shape.headDim()];
    base = new float[VectorShape.roundUp(shape.group(), KvHead.QUAD) * KvHead.BLOCK];
    result = new SoftmaxPartials(queries, ValueRows.valueDim(shape.headDim()));
  }

  /** Prepares for rows of these formats in so many pages. */
  void start(KvTypes types, int pages) {
    if (!types.equals(this.types)) {
      this.types = types;
      rows = types.newHead(shape.headDim());
    }
    if (scores.length < pages * KvHead.BLOCK) {
      scores = new float[(pages + pages / 2) * KvHead.BLOCK];
    }
    chosen.start(pages);
  }

  /** Room for so many rows as they are stored. */
  byte[] records(int count) {
    if (records.length < count * rows.rowBytes()) {
      records = new byte[2 * count * rows.rowBytes()];
    }
    return records;
  }
}
