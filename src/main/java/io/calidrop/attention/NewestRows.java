package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.KvHead.QUAD;

import io.calidrop.tensor.VectorMath;
import java.util.Arrays;

/**
 * What rounding took from the newest rows of a head, in four bits a dimension: while a row is among
 * them its score and its value are sums of two packed ones, nearly exact; then it loses the second.
 * A token attends most to what came just before it, so that errors of old rows matter much less.
 *
 * <p>Which rows a token sees so depends on their number alone, in whole blocks: the same for any
 * batch. So rows go only when the next batch begins.
 */
final class NewestRows {
  /** Rows that are nearly exact to a token, at least; less than a block more at most. */
  static final int LEAST = 64;

  private static final int BITS = 4;

  /** Keys and values, or no dimensions where the head's are not rounded so far. */
  private final KvHead rests;

  private final KvHead marked; // a copy of them
  private final float[] rest; // of one key or value
  private int first; // row of the head that they begin with, a multiple of the block
  private int markedRows = -1;

  private NewestRows(KvHead rests, KvHead marked) {
    this.rests = rests;
    this.marked = marked;
    rest = new float[Math.max(rests.headDim, rests.valueLength)];
  }

  /** For a head of these types, or null where they lose too little. */
  static NewestRows of(KvTypes types, int headDim) {
    return isCoarse(types.keys()) || isCoarse(types.values())
        ? new NewestRows(rests(types, headDim), rests(types, headDim))
        : null;
  }

  private static boolean isCoarse(KvType type) {
    return type.bits() < Byte.SIZE;
  }

  private static KvHead rests(KvTypes types, int headDim) {
    KeyRows keys = isCoarse(types.keys()) ? new PackedKeys(headDim, BITS) : new F32Keys(0);
    ValueRows values =
        isCoarse(types.values())
            ? new PackedValues(headDim, Hadamard.of(headDim), BITS)
            : new F32Values(0);
    return new KvHead(keys, values);
  }

  /** The first row that a token sees nearly exactly of the {@code visible} rows up to its own. */
  static int first(int visible) {
    return Math.max(0, visible - LEAST) / BLOCK * BLOCK;
  }

  /**
   * Makes room for {@code count} rows after the head's {@code rows} and drops what no token after
   * these needs.
   */
  void extend(int rows, int count) {
    int needed = first(rows + 1);
    rests.dropFirst(needed - first);
    first = needed;
    rests.extend(count);
    rests.release(LEAST + BLOCK); // what there comes to be again and again
  }

  /** Sets what was lost of the key that this thread has just packed, of a row among the newest. */
  void setKey(int row) {
    if (row >= first && rests.keys instanceof PackedKeys keys) {
      keys.setRest(row - first);
    }
  }

  /** The same of a value. */
  void setValue(int row) {
    if (row >= first && rests.values instanceof PackedValues values) {
      values.setRest(row - first);
    }
  }

  /** Adds to a key what it has lost, if the next token sees that. */
  void addKey(int row, int rows, float[] key, int offset) {
    if (row >= first(rows + 1) && rests.headDim > 0) {
      rests.keys.get(row - first, rest, 0);
      VectorMath.add(key, offset, rest, 0, rests.headDim);
    }
  }

  /** The same of a value. */
  void addValue(int row, int rows, float[] value, int offset) {
    if (row >= first(rows + 1) && rests.valueLength > 0) {
      rests.values.get(row - first, rest, 0);
      VectorMath.add(value, offset, rest, 0, rests.valueLength);
    }
  }

  /**
   * Adds to the scores of a quad of queries with a block of rows what their keys have lost.
   *
   * @param visible rows up to the one of the tile's first token, which the first {@code group}
   *     queries are of
   */
  void addScores(int row, int quad, int visible, int group, AttentionScratch scratch) {
    if (rests.headDim == 0) {
      return;
    }
    AttentionScratch own = scratch.rests;
    int queries = quad * QUAD * rests.headDim;
    rests.scores(row - first, scratch.queries, queries, own.scores, own);
    for (int t = 0; t < QUAD; t++) {
      if (row >= first(visible + (quad * QUAD + t) / group)) {
        VectorMath.add(scratch.quadScores[quad], t * BLOCK, own.scores, t * BLOCK, BLOCK);
      }
    }
  }

  /**
   * Adds what the weighted values of {@code count} rows of a block have lost, as they are stored.
   */
  void accumulate(int row, int count, int quad, int visible, int group, AttentionScratch scratch) {
    if (rests.valueLength == 0) {
      return;
    }
    AttentionScratch own = scratch.rests;
    System.arraycopy(scratch.quadScores[quad], 0, own.scores, 0, QUAD * BLOCK);
    for (int t = 0; t < QUAD; t++) {
      if (row < first(visible + (quad * QUAD + t) / group)) {
        Arrays.fill(own.scores, t * BLOCK, (t + 1) * BLOCK, 0f);
      }
    }
    float[] out = scratch.segment.acc;
    rests.accumulate(row - first, count, own.scores, out, quad * QUAD * rests.valueDim, own);
  }

  /** Whether the head can be cut to so many rows: whether their newest ones are there. */
  boolean canTruncate(int rows) {
    return first <= first(rows + 1) || rows == markedRows || rows == 0;
  }

  /** Drops every row from {@code rows} on. */
  void truncate(int rows) {
    int needed = first(rows + 1);
    if (rows == markedRows && first > needed) {
      rests.copyFrom(marked);
    }
    if (rows < markedRows) {
      markedRows = -1;
    }
    first = Math.min(first, needed);
    rests.truncate(rows - first);
  }

  /** Drops the first {@code count} rows of the head, a multiple of the block. */
  void dropFirst(int count) {
    rests.dropFirst(Math.max(0, count - first));
    first = Math.max(0, first - count);
    markedRows = Math.max(-1, markedRows - count);
  }

  /**
   * Follows rows that move to the front. Of rows that were old before nothing is left to add; those
   * that come to be among the newest again stay rounded.
   *
   * @param kept of the head's {@code rows} rows those that stay
   * @param count of them
   */
  void keep(boolean[] kept, int rows, int count) {
    int old = first(rows + 1);
    int needed = first(count + 1);
    rests.extend(Math.max(0, count - needed - rests.rows()));
    int row = rows;
    for (int to = count - 1; to >= needed; to--) {
      row = previous(kept, row);
      if (row - first < to - needed) {
        move(row, to - needed, old);
      }
    }
    for (int to = needed; to < count; row++) {
      if (kept[row]) {
        if (row - first >= to - needed) {
          move(row, to - needed, old);
        }
        to++;
      }
    }
    first = needed;
    rests.truncate(count - needed);
  }

  private static int previous(boolean[] kept, int row) {
    int previous = row - 1;
    while (!kept[previous]) {
      previous--;
    }
    return previous;
  }

  private void move(int row, int to, int old) {
    if (row < old) {
      Arrays.fill(rest, 0f);
      rests.set(to, rest, 0, rest, 0);
    } else if (row - first != to) {
      rests.move(row - first, to);
    }
  }

  /** Makes sure that the head can be cut to its present rows until the next mark. */
  void mark(int rows) {
    extend(rows, 0);
    marked.copyFrom(rests);
    markedRows = rows;
  }

  /**
   * Carries what the token after the head's last row will need.
   *
   * @throws IllegalArgumentException if what was read cannot be what these rows have lost
   */
  void transfer(StateTransfer state, KvHead head) {
    int rows = head.rows();
    if (state.reading()) {
      markedRows = -1;
    } else {
      extend(rows, 0);
    }
    first = first(rows + 1);
    rests.transfer(state, rows - first);
    if (rests.rows() != rows - first) {
      throw new IllegalArgumentException(
          "the saved state has %d newest rows, which cannot be".formatted(rests.rows()));
    }
    for (int row = first; row < rows && state.reading(); row++) {
      if (!isLost(row, head)) {
        throw new IllegalArgumentException(
            "the saved state has more lost of row %d than rounding takes".formatted(row));
      }
    }
  }

  /** Whether rounding may have taken what there is of a row. */
  private boolean isLost(int row, KvHead head) {
    boolean isLost = true;
    if (rests.keys instanceof PackedKeys lost) {
      isLost = lost.isRestOf(row - first, (PackedKeys) head.keys, row);
    }
    if (rests.values instanceof PackedValues lost) {
      isLost &= lost.isRestOf(row - first, (PackedValues) head.values, row);
    }
    return isLost;
  }

  long bytes() {
    return rests.bytes() + marked.bytes();
  }
}
