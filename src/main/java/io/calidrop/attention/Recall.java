package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.KvHead.QUAD;
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
  private KvTypes types; // of the rows that were attended last
  private KvHead rows; // keys of the union of chosen rows
  private byte[] records = {}; // [rows of the union][rowBytes]
  private float[] values = {}; // [rows of the union][valueDim]

  /** The result of [tokens][group], padded to 4, as of values. */
  final SoftmaxPartials result;

  /**
   * @param tokens most at a time
   */
  Recall(CacheShape shape, int tokens) {
    group = shape.group();
    dim = shape.headDim();
    near = new TurnedQueries(shape, tokens);
    far = new TurnedQueries(shape, tokens);
    choice = new RowChoice(shape);
    attention = new RowAttention(group, ValueRows.valueDim(dim));
    int queries = VectorShape.roundUp(tokens * group, QUAD);
    result = new SoftmaxPartials(queries, ValueRows.valueDim(dim));
  }

  /**
   * Lets each token of a tile attend its choice of rows: {@link #result}.
   *
   * @param q [tokens][stride] queries, turned to positions from {@code position} on, the group's at
   *     {@code offset}
   * @param shift by which these are less than positions in the sequence
   */
  void attend(
      StoredRows stored,
      float[] q,
      int offset,
      int stride,
      int tokens,
      int position,
      int shift,
      AttentionScratch scratch) {
    start(stored);
    for (int token = 0; token < tokens; token++) {
      turn(stored, q, offset + token * stride, group, token, position + token, shift);
      int count = choice.choose(stored, near, far, token);
      chosen.add(choice.rows(), count);
    }
    attendChosen(stored, scratch);
  }

  /**
   * Attends all rows for one query: {@link #result} is its first.
   *
   * @param q [dim] at {@code offset}, turned to {@code position}
   */
  void attendAll(
      StoredRows stored, float[] q, int offset, int position, int shift, AttentionScratch scratch) {
    start(stored);
    turn(stored, q, offset, 1, 0, position, shift);
    int n = stored.slots() * BLOCK;
    int[] all = choice.room(n);
    int count = 0;
    for (int row = 0; row < n; row++) {
      if (row < stored.unused() || row >= VectorShape.roundUp(stored.unused(), BLOCK)) {
        all[count++] = row;
      }
    }
    chosen.add(all, count);
    attendChosen(stored, scratch);
  }

  private void start(StoredRows stored) {
    if (!stored.types().equals(types)) {
      types = stored.types();
      rows = types.newHead(dim);
    }
    chosen.start(stored.slots());
  }

  private void turn(
      StoredRows stored, float[] q, int offset, int heads, int token, int position, int shift) {
    near.turn(stored.rotation(), q, offset, heads, token, shift);
    if (stored.isAnyFar()) {
      far.turn(stored.rotation(), q, offset, heads, token, stored.farthest() - position);
    }
  }

  private void attendChosen(StoredRows stored, AttentionScratch scratch) {
    int united = chosen.unite(stored);
    gather(stored, united);
    near.loadQuads(rows.keys, chosen.tokens());
    if (chosen.far() > 0) {
      far.loadQuads(rows.keys, chosen.tokens());
    }
    attention.score(chosen, united, rows.keys, near.quads, far.quads, scratch);
    attention.attend(chosen, values, result);
    rows.restore(result, chosen.tokens() * group);
  }

  /** Copies chosen rows next to each other and decodes values. */
  private void gather(StoredRows stored, int united) {
    RowRecords from = stored.records();
    int bytes = from.rowBytes();
    int valueDim = rows.valueDim;
    if (records.length < united * bytes + BYTES) {
      records = new byte[2 * united * bytes + BYTES];
    }
    if (values.length < united * valueDim) {
      values = new float[2 * united * valueDim];
    }
    // All on their way at once, before any is waited for.
    for (int i = 0; i < united; i++) {
      if (chosen.row(i) != ChosenRows.NONE) {
        from.copy(chosen.row(i), records, i * bytes);
      }
    }
    rows.truncate(0);
    rows.extend(united);
    int valuesAt = rows.keys.rowBytes();
    for (int i = 0; i < united; i++) {
      if (chosen.row(i) != ChosenRows.NONE) {
        rows.keys.loadRow(i, records, i * bytes);
        rows.values.decodeRow(records, i * bytes + valuesAt, values, i * valueDim);
      }
    }
  }
}
