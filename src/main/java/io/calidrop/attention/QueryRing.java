package io.calidrop.attention;

/**
 * The last queries of a KV head's group, after rotation, each with the log-sum-exp that its own
 * step produced. In half precision unless the cache is in single.
 */
final class QueryRing {
  private final int tokens;
  private final int group;
  private final int dim;
  private final float[] singles; // [tokens][group][dim], or null
  private final short[] halves; // the same, or null
  private final float[] logSumExp; // [tokens][group]
  private final int[] positions; // [tokens]

  QueryRing(int tokens, int group, int dim, boolean single) {
    this.tokens = tokens;
    this.group = group;
    this.dim = dim;
    int size = tokens * group * dim;
    singles = single ? new float[size] : null;
    halves = single ? null : new short[size];
    logSumExp = new float[tokens * group];
    positions = new int[tokens];
  }

  int tokens() {
    return tokens;
  }

  /**
   * Stores the query of one head of the group. Different queries may be stored by different threads
   * at the same time.
   *
   * @param index of the token in the sequence
   */
  void put(long index, int position, int head, float[] query, int offset, float logSumExp) {
    int slot = slot(index);
    positions[slot] = position;
    int row = slot * group + head;
    this.logSumExp[row] = logSumExp;
    if (singles != null) {
      System.arraycopy(query, offset, singles, row * dim, dim);
      return;
    }
    for (int d = 0; d < dim; d++) {
      halves[row * dim + d] = Float.floatToFloat16(query[offset + d]);
    }
  }

  private int slot(long index) {
    return (int) (index % tokens);
  }

  int position(long index) {
    return positions[slot(index)];
  }

  float logSumExp(long index, int head) {
    return logSumExp[slot(index) * group + head];
  }

  /** Copies a query to {@code out[offset ..]} [headDim]. */
  void get(long index, int head, float[] out, int offset) {
    int from = (slot(index) * group + head) * dim;
    if (singles != null) {
      System.arraycopy(singles, from, out, offset, dim);
      return;
    }
    for (int d = 0; d < dim; d++) {
      out[offset + d] = Float.float16ToFloat(halves[from + d]);
    }
  }

  /** Turns every query back by {@code delta} positions. */
  void shift(PositionRotation rotation, int delta) {
    float[] query = new float[dim];
    for (int slot = 0; slot < tokens; slot++) {
      int position = positions[slot] - delta;
      for (int head = 0; head < group; head++) {
        get(slot, head, query, 0);
        rotation.rotate(query, 0, -delta);
        put(slot, position, head, query, 0, logSumExp[slot * group + head]);
      }
    }
  }

  long bytes() {
    int width = singles != null ? Float.BYTES : Short.BYTES;
    return (long) tokens * (group * ((long) dim * width + Float.BYTES) + Integer.BYTES);
  }
}
