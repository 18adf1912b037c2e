package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.KvHead.QUAD;
import static io.calidrop.tensor.VectorShape.BYTES;

import io.calidrop.tensor.VectorShape;

/**
 * Chooses stored rows for the tokens of a tile and attends them. What one token gets does not
 * depend on the others. For one thread at a time.
 */
final class Recall {
  private final int group;
  private final int dim;
  private final AttentionScores modelScores;
  private final Hadamard rotation;
  private final Queries near;
  private final Queries far;
  private final BestRows best = new BestRows();
  private final ChosenRows chosen = new ChosenRows();
  private final RowAttention attention;
  private final float[] base; // [group, padded to 4][BLOCK]
  private final float[] sums = new float[KeySketches.SUMS];
  private float[] scores = {}; // [rows]
  private KvTypes types; // of the rows that were attended last
  private KvHead rows; // keys of the union of chosen rows
  private byte[] records = {}; // [rows of the union][rowBytes]
  private float[] values = {}; // [rows of the union][valueDim]

  /** The result of [tokens][group], padded to 4, as of values. */
  final SoftmaxPartials result;

  /** Queries of a tile, turned to where some of the stored keys see them. */
  private final class Queries {
    final SketchQuery sketch = new SketchQuery(group, dim);
    final float[] turned; // [tokens][group][dim]
    final float[] rotated; // the same, rotated as sketched keys are
    final float[] quads; // [quads][dim][4], as the keys ask for
    boolean loaded; // the sketch of the current token

    Queries(int queries) {
      turned = new float[queries * dim];
      rotated = new float[queries * dim];
      quads = new float[queries * dim + Integer.SIZE];
    }

    void turn(PositionRotation position, float[] q, int offset, int heads, int token, int by) {
      int to = token * group * dim;
      int length = heads * dim;
      System.arraycopy(q, offset, turned, to, length);
      for (int o = to; o < to + length && by != 0; o += dim) {
        position.rotate(turned, o, by);
      }
      System.arraycopy(turned, to, rotated, to, length);
      rotation.apply(rotated, to, length);
      loaded = false;
    }

    void loadQuads(KeyRows keys, int queries) {
      float[] from = keys.rotation().isNone() ? turned : rotated;
      float scale = modelScores.scale() * keys.queryScale();
      for (int query = 0; query < queries; query++) {
        AttentionKernel.toQuads(from, query * dim, dim, scale, quads, query);
      }
    }

    SketchQuery sketch(int token) {
      if (!loaded) {
        sketch.load(rotated, token * group * dim, modelScores.scale());
        loaded = true;
      }
      return sketch;
    }
  }

  /**
   * @param tokens most at a time
   */
  Recall(CacheShape shape, int tokens) {
    group = shape.group();
    dim = shape.headDim();
    modelScores = shape.scores();
    rotation = Hadamard.of(dim);
    int queries = VectorShape.roundUp(tokens * group, QUAD);
    near = new Queries(queries);
    far = new Queries(queries);
    base = new float[VectorShape.roundUp(group, QUAD) * BLOCK];
    result = new SoftmaxPartials(queries, ValueRows.valueDim(dim));
    attention = new RowAttention(group, ValueRows.valueDim(dim));
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
      score(stored, token);
      int found = best.find(scores, stored.slots() * BLOCK, stored.recall());
      chosen.add(best.rows, found);
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
    int[] all = best.room(n);
    int count = 0;
    for (int row = 0; row < n; row++) {
      if (stored.holds(row)) {
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
    int n = stored.slots() * BLOCK;
    if (scores.length < n) {
      scores = new float[n + n / 2];
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

  /** Scores all rows by their sketches for the queries of a token. */
  private void score(StoredRows stored, int token) {
    int slots = stored.slots();
    for (int from = 0; from < slots; ) {
      boolean isFar = stored.isFar(from);
      int to = from + 1;
      while (to < slots && stored.isFar(to) == isFar) {
        to++;
      }
      SketchQuery query = (isFar ? far : near).sketch(token);
      stored.sketches().scores(from, to, query, base, sums, scores);
      from = to;
    }
    stored.blank(scores);
  }

  private void attendChosen(StoredRows stored, AttentionScratch scratch) {
    int united = chosen.unite(stored);
    gather(stored, united);
    int queries = chosen.tokens() * group;
    near.loadQuads(rows.keys, queries);
    if (chosen.far() > 0) {
      far.loadQuads(rows.keys, queries);
    }
    attention.score(chosen, united, rows.keys, near.quads, far.quads, scratch);
    attention.attend(chosen, values, result);
    rows.restore(result, queries);
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
