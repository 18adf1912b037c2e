package io.calidrop.attention;

/** What a policy sees of one KV head: its rows in the order of their positions. */
public final class HeadRows {
  private final CacheShape shape;
  private final CacheBudget budget;
  private final PositionRotation rotation;
  private final HeadState state;
  private long seen;
  private int queries;

  HeadRows(HeadState state, CacheShape shape, CacheBudget budget, PositionRotation rotation) {
    this.state = state;
    this.shape = shape;
    this.budget = budget;
    this.rotation = rotation;
  }

  /** The view after so many tokens. */
  HeadRows at(long seen) {
    this.seen = seen;
    queries = state.queries == null ? 0 : state.queries.count(seen);
    return this;
  }

  public int count() {
    return state.rows.rows();
  }

  public int headDim() {
    return shape.headDim();
  }

  /** Query heads of the group. */
  public int group() {
    return shape.group();
  }

  /** How queries and keys make scores. */
  public AttentionScores scores() {
    return shape.scores();
  }

  public int layer() {
    return state.layer;
  }

  public int kvHead() {
    return state.kvHead;
  }

  public CacheBudget budget() {
    return budget;
  }

  /** Tokens that the sequence has had. */
  public long seen() {
    return seen;
  }

  /** Position of a row, as its key is rotated. */
  public int position(int row) {
    return state.position(row);
  }

  /**
   * Sum of the attention that the observed queries of all the group's heads gave to a row, each
   * query's attention summing to 1 over rows and calibration rows.
   */
  public double share(int row) {
    return state.share(row);
  }

  /** Copies a row's key, rotated, to {@code out} [headDim]. */
  public void key(int row, float[] out) {
    state.rows.getKey(row, out, 0);
  }

  /** Copies a row's value to {@code out} [headDim]. */
  public void value(int row, float[] out) {
    state.rows.getValue(row, out, 0);
  }

  /** How many tokens there are whose queries are known. */
  public int queries() {
    return queries;
  }

  /**
   * Copies a query of one of these tokens, as before its rotation, to {@code out} [headDim].
   *
   * @param token from 0, the oldest
   */
  public void unrotatedQuery(int token, int head, float[] out) {
    long index = state.queries.index(token, seen);
    state.queries.get(index, head, out, 0);
    rotation.rotate(out, 0, -state.queries.position(index));
  }

  /**
   * Rotates a vector [headDim] in place by {@code delta} positions.
   *
   * @param delta may be negative
   */
  public void rotate(float[] x, int delta) {
    rotation.rotate(x, 0, delta);
  }

  /** The dimension that is rotated together with dimension {@code d}. */
  public int partner(int d) {
    return rotation.partner(d);
  }
}
