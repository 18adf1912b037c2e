package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.tensor.VectorShape.BYTES;

import io.calidrop.tensor.VectorShape;

/**
 * Lets the tokens of a tile read stored rows of their choice. The rows of all are decoded once;
 * what one token gets does not depend on the others. For one thread at a time.
 */
final class Recall {
  private final int group;
  private final int dim;
  private final TurnedQueries near;
  private final TurnedQueries far;
  private final RowChoice choice;
  private final ChosenRows chosen = new ChosenRows();
  private final RowAttention attention;
  private final int rowDim; // of a decoded row
  private int[] all = {}; // rows
  private byte[] records = {}; // [rows of the union][rowBytes]
  private float[] keys = {}; // [rows of the union][rowDim] as they are stored
  private float[] values = {}; // the same

  /** The result of [tokens][group], as of values. */
  final SoftmaxPartials result;

  /**
   * @param tokens most at a time
   */
  Recall(CacheShape shape, int tokens) {
    this(shape, tokens, new RowChoice(shape, tokens));
  }

  /**
   * @param choice of its own
   */
  Recall(CacheShape shape, int tokens, RowChoice choice) {
    group = shape.group();
    dim = shape.headDim();
    near = new TurnedQueries(shape, tokens);
    far = new TurnedQueries(shape, tokens);
    this.choice = choice;
    rowDim = ValueRows.valueDim(dim);
    attention = new RowAttention(shape);
    result = new SoftmaxPartials(tokens * group, rowDim);
  }

  /**
   * Lets each token of a tile attend its choice of rows: {@link #result}.
   *
   * @param q [tokens][stride] queries, turned to positions from {@code position} on, the group's at
   *     {@code offset}
   * @param light how many of the tokens, the first ones, choose runs of rows
   * @param shift by which these are less than positions in the sequence
   */
  void attend(
      StoredRows stored,
      float[] q,
      int offset,
      int stride,
      int tokens,
      int light,
      int position,
      int shift) {
    chosen.start(stored.slots());
    for (int token = 0; token < tokens; token++) {
      turn(stored, q, offset + token * stride, group, token, position + token, shift);
    }
    choice.choose(stored, near, far, tokens, light, chosen);
    attendChosen(stored);
  }

  /**
   * Attends all rows for one query: {@link #result} is its first.
   *
   * @param q [dim] at {@code offset}, turned to {@code position}
   */
  void attendAll(StoredRows stored, float[] q, int offset, int position, int shift) {
    chosen.start(stored.slots());
    turn(stored, q, offset, 1, 0, position, shift);
    int n = stored.slots() * BLOCK;
    if (all.length < n) {
      all = new int[n + n / 2];
    }
    int count = 0;
    for (int row = 0; row < n; row++) {
      if (row < stored.unused() || row >= VectorShape.roundUp(stored.unused(), BLOCK)) {
        all[count++] = row;
      }
    }
    chosen.add(all, count);
    attendChosen(stored);
  }

  private void turn(
      StoredRows stored, float[] q, int offset, int heads, int token, int position, int shift) {
    near.turn(stored.rotation(), q, offset, heads, token, shift);
    if (stored.isAnyFar()) {
      far.turn(stored.rotation(), q, offset, heads, token, stored.farthest() - position);
    }
  }

  private void attendChosen(StoredRows stored) {
    if (!gather(stored, chosen.unite(stored))) {
      result.clear(chosen.tokens() * group);
      return;
    }
    boolean rotated = !stored.keyRows().rotation().isNone();
    near.scale(chosen.tokens(), rotated);
    if (stored.isAnyFar()) {
      far.scale(chosen.tokens(), rotated);
    }
    attention.attend(chosen, near, far, stored.crowd(), keys, values, result);
    Hadamard rotation = stored.valueRows().rotation();
    for (int query = 0; query < chosen.tokens() * group && !rotation.isNone(); query++) {
      rotation.apply(result.acc, query * rowDim, dim);
    }
  }

  /** Copies chosen rows next to each other and decodes them; false where one cannot be read. */
  private boolean gather(StoredRows stored, int united) {
    RowRecords from = stored.records();
    int bytes = from.rowBytes();
    if (records.length < united * bytes + BYTES) {
      records = new byte[2 * united * bytes + BYTES];
    }
    if (keys.length < united * rowDim) {
      keys = new float[2 * united * rowDim];
      values = new float[keys.length];
    }
    // All on their way at once, before any is waited for.
    if (!from.copy(chosen, united, records)) {
      return false;
    }
    stored.keyRows().decodeRows(records, 0, bytes, united, keys, 0, rowDim);
    int at = stored.keyRows().rowBytes();
    stored.valueRows().decodeRows(records, at, bytes, united, values, 0, rowDim);
    return true;
  }
}
