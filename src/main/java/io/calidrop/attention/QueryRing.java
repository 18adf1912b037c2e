package io.calidrop.attention;

import io.calidrop.tensor.Half;

/**
 * Queries of a KV head's group at the last tokens, after rotation, each with the log-sum-exp that
 * its own step produced. Of a long window it keeps every so many tokens: a fit needs little more
 * queries than it has unknowns. In 8 bits a dimension, as rows of type q8_0 are, unless the cache
 * is in single precision.
 */
final class QueryRing {
  private final int tokens; // of which queries are kept
  private final int stride; // tokens of the sequence from one to the next
  private final int group;
  private final int dim;
  private final float[] singles; // [tokens][group][dim], or null
  private final byte[] codes; // the same, rotated, or null
  private final short[] scales; // [tokens][group][groups of dimensions] in half precision, or null
  private final int scalesOfQuery;
  private final Hadamard rotation;
  private final short[] logSumExp; // [tokens][group] in half precision
  private final int[] positions; // [tokens]

  /**
   * @param window tokens that the ring looks back on
   * @param samples most of them whose queries it keeps
   */
  QueryRing(int window, int samples, int group, int dim, boolean single) {
    stride = Math.ceilDiv(window, samples);
    tokens = window / stride;
    this.group = group;
    this.dim = dim;
    int size = tokens * group * dim;
    singles = single ? new float[size] : null;
    codes = single ? null : new byte[size];
    scalesOfQuery = Math.ceilDiv(dim, RowPacker.GROUP);
    scales = single ? null : new short[tokens * group * scalesOfQuery];
    rotation = Hadamard.of(dim);
    logSumExp = new short[tokens * group];
    positions = new int[tokens];
  }

  /** Whether the ring keeps a token of a batch, given how many tokens of it are still to come. */
  boolean keeps(long index, int toCome) {
    return (index + 1) % stride == 0 && toCome < tokens * stride;
  }

  /** How many tokens' queries it holds after a sequence of {@code seen} tokens. */
  int count(long seen) {
    return (int) Math.min(seen / stride, tokens);
  }

  /** Index in the sequence of the {@code i}th token that it holds, the oldest first. */
  long index(int i, long seen) {
    return (seen / stride - count(seen) + i) * stride + stride - 1;
  }

  /**
   * Stores the query of one head of the group. Different queries may be stored by different threads
   * at the same time.
   *
   * @param index in the sequence of a token that the ring {@link #keeps}
   */
  void put(long index, int position, int head, float[] query, int offset, float logSumExp) {
    int slot = slot(index);
    positions[slot] = position;
    int row = slot * group + head;
    this.logSumExp[row] = Float.floatToFloat16(logSumExp);
    if (singles != null) {
      System.arraycopy(query, offset, singles, row * dim, dim);
      return;
    }
    RowPacker packer = RowPacker.ofThread();
    packer.pack(query, offset, dim, rotation, Byte.SIZE);
    for (int d = 0; d < dim; d++) {
      codes[row * dim + d] = (byte) packer.codes[d];
    }
    System.arraycopy(packer.scales, 0, scales, row * scalesOfQuery, scalesOfQuery);
  }

  private int slot(long index) {
    return (int) (index / stride % tokens);
  }

  int position(long index) {
    return positions[slot(index)];
  }

  float logSumExp(long index, int head) {
    return Half.single(logSumExp[slot(index) * group + head]);
  }

  /** Copies a query to {@code out[offset ..]} [headDim]. */
  void get(long index, int head, float[] out, int offset) {
    int row = slot(index) * group + head;
    int from = row * dim;
    if (singles != null) {
      System.arraycopy(singles, from, out, offset, dim);
      return;
    }
    for (int d = 0; d < dim; d++) {
      short scale = scales[row * scalesOfQuery + d / RowPacker.GROUP];
      out[offset + d] = codes[from + d] * Half.single(scale);
    }
    rotation.apply(out, offset, dim);
  }

  /** Turns every query back by {@code delta} positions. */
  void shift(PositionRotation rotation, int delta) {
    float[] query = new float[dim];
    for (int slot = 0; slot < tokens; slot++) {
      long index = (long) slot * stride;
      int position = positions[slot] - delta;
      for (int head = 0; head < group; head++) {
        get(index, head, query, 0);
        rotation.rotate(query, 0, -delta);
        put(index, position, head, query, 0, logSumExp(index, head));
      }
    }
  }

  void transfer(StateTransfer state) {
    state.same("tokens in a ring of queries", tokens);
    state.same("tokens between two of a ring", stride);
    if (singles != null) {
      state.floats(singles, singles.length);
    } else {
      state.bytes(codes, codes.length);
      state.shorts(scales, scales.length);
    }
    state.shorts(logSumExp, logSumExp.length);
    state.ints(positions, positions.length);
  }

  /**
   * Takes over the queries that this ring would hold after {@code seen} tokens.
   *
   * @param all holds the queries of every token since
   */
  void copyFrom(QueryRing all, long seen) {
    float[] query = new float[dim];
    for (int i = 0; i < count(seen); i++) {
      long index = index(i, seen);
      for (int head = 0; head < group; head++) {
        all.get(index, head, query, 0);
        put(index, all.position(index), head, query, 0, all.logSumExp(index, head));
      }
    }
  }

  long bytes() {
    long numbers =
        singles != null
            ? (long) singles.length * Float.BYTES
            : codes.length + (long) scales.length * Short.BYTES;
    return numbers
        + (long) logSumExp.length * Short.BYTES
        + (long) positions.length * Integer.BYTES;
  }
}
