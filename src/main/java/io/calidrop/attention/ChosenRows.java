package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;

import java.util.Arrays;

/**
 * Stored rows that the tokens of a tile have chosen, and their union, in which each has a place.
 * For one thread at a time.
 */
final class ChosenRows {
  private int tokens;
  private int[] ends = {}; // [tokens] in own
  private int[] own = {}; // rows of each token, then their places
  private long[] marks = {}; // [pages] a bit for each row
  private long[] marked = {}; // a bit for each page with such
  private int[] places = {}; // [rows] in the union
  private int[] rows = {}; // of the union, far ones first
  private int far; // end of the far ones
  private int united;

  /** Forgets all tokens; there are {@code pages} to choose from. */
  void start(int pages) {
    tokens = 0;
    if (marks.length < pages) {
      marks = new long[pages + pages / 2];
      marked = new long[marks.length / Long.SIZE + 1];
      places = new int[marks.length * BLOCK];
    }
    for (int page = nextMarked(0); page >= 0; page = nextMarked(page + 1)) {
      marks[page] = 0;
    }
    Arrays.fill(marked, 0);
  }

  /** Adds a token, which has chosen {@code rows[0, count)}, in ascending order. */
  void add(int[] rows, int count) {
    int from = begin(tokens);
    if (ends.length == tokens) {
      ends = Arrays.copyOf(ends, 2 * tokens + 1);
    }
    if (own.length < from + count) {
      own = Arrays.copyOf(own, 2 * (from + count));
    }
    System.arraycopy(rows, 0, own, from, count);
    for (int i = 0; i < count; i++) {
      int page = rows[i] / BLOCK;
      marks[page] |= 1L << rows[i];
      marked[page / Long.SIZE] |= 1L << page;
    }
    ends[tokens++] = from + count;
  }

  int tokens() {
    return tokens;
  }

  /** Unites the choices. Returns how many rows there are. */
  int unite(StoredRows stored) {
    united = 0;
    unite(stored, true);
    far = united;
    unite(stored, false);
    for (int i = 0; i < begin(tokens); i++) {
      own[i] = places[own[i]];
    }
    return united;
  }

  private void unite(StoredRows stored, boolean far) {
    for (int page = nextMarked(0); page >= 0; page = nextMarked(page + 1)) {
      long bits = stored.isFar(page) == far ? marks[page] : 0;
      reach(united + Long.bitCount(bits));
      for (; bits != 0; bits &= bits - 1) {
        int row = page * BLOCK + Long.numberOfTrailingZeros(bits);
        places[row] = united;
        rows[united++] = row;
      }
    }
  }

  /** The next page from one on that has chosen rows, or -1. */
  private int nextMarked(int page) {
    int word = page / Long.SIZE;
    if (word == marked.length) {
      return -1;
    }
    long bits = marked[word] & -1L << page;
    while (bits == 0) {
      if (++word == marked.length) {
        return -1;
      }
      bits = marked[word];
    }
    return word * Long.SIZE + Long.numberOfTrailingZeros(bits);
  }

  private void reach(int count) {
    if (rows.length < count) {
      rows = Arrays.copyOf(rows, 2 * count);
    }
  }

  /** A row of the union. */
  int row(int i) {
    return rows[i];
  }

  /** Where far rows of the union end, and near ones begin. */
  int far() {
    return far;
  }

  /** Where the places of a token's rows begin in {@link #places}. */
  int begin(int token) {
    return token == 0 ? 0 : ends[token - 1];
  }

  /** In the union, of the rows of each token, ascending among far and among near ones. */
  int[] places() {
    return own;
  }
}
