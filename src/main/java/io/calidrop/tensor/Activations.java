package io.calidrop.tensor;

import io.calidrop.tensor.QuantizedActivations.Form;

/**
 * The input vectors of a matrix product, packed in the order in which kernels broadcast them.
 *
 * <p>Tokens come in groups: of 4 in a batch, where a kernel multiplies one row vector by four
 * tokens at a time, 1 in decoding. Unused tokens of the last group are stale and their products are
 * ignored. Written first, then read by all threads of the pool.
 */
public final class Activations {
  /** Columns that share one activation scale. */
  public static final int BLOCK = QuantizedActivations.BLOCK;

  /** Columns whose multiples a vector may be packed from and to, by several threads: two blocks. */
  public static final int SHARE = 2 * BLOCK;

  /** Tokens in a group of a batch. */
  public static final int GROUP = 4;

  /** Packed form: float32 values. */
  public static final int FLOATS = 1;

  /** Packed form: pairs of shorts in an int, of 9 bits: what 4-bit weights multiply by. */
  public static final int FINE_PAIRS = 2;

  /** Packed form: pairs of shorts in an int, of 8 bits: what weights that are bytes multiply by. */
  public static final int PAIRS = 4;

  /** Packed form: as {@link #PAIRS}, bounded: what 5- and 6-bit weights multiply by. */
  public static final int BOUNDED_PAIRS = 128;

  /** Packed form: as {@link #BOUNDED_PAIRS}, but as shorts. */
  public static final int BOUNDED_SHORTS = 256;

  /** Packed form: as {@link #FINE_PAIRS}, but as shorts. */
  public static final int FINE_SHORTS = 16;

  /**
   * Packed form: as {@link #PAIRS}, for weights that are bytes, see {@link QuantizedActivations}.
   */
  public static final int TRIPLES = 32;

  /** Packed form: as {@link #PAIRS}, but as floats that hold integers. */
  public static final int INTEGERS = 8;

  /**
   * Packed form: as {@link #FINE_PAIRS}, for nibbles that are not masked, see {@link Chain}. Of a
   * single vector only: not packed for a batch, as all chains.
   */
  public static final int NIBBLE_CHAINS = 64;

  /** Packed form: as {@link #BOUNDED_PAIRS}, for six-bit weights that are not masked. */
  public static final int SIXTH_CHAINS = 512;

  /** Sixteen products of it and a 4-bit weight less 8 just fit 16 bits: 16 * 8 * 255 = 32,640. */
  private static final int FINE_MAX = 255;

  /** So the products of a whole block fit 16 bits too: 8 * 4,095 = 32,760. */
  private static final int FINE_MOST = 4095;

  /** Two products of it and a signed byte just fit 16 bits: 2 * 128 * 127 = 32,512. */
  private static final int MAX = 127;

  /**
   * So the products of 16 columns and 6-bit weights less 32 fit 16 bits: 32 * 1,023 = 32,736; of 32
   * columns and 5-bit weights less 16 as well.
   */
  private static final int BOUNDED_MOST = 1023;

  private final int columns;
  private final int padded; // even: 16-bit weights hold columns in pairs
  private final int blocks; // even: tiles of one scale a block hold blocks in pairs
  private int tokens;
  private int group;

  /** [groups][columns made even][group] values. */
  final float[] floats;

  final QuantizedActivations fine;
  final QuantizedActivations bytes;
  final QuantizedActivations bounded;

  /**
   * @param columns length of a vector
   * @param maxTokens most vectors at a time
   * @param forms which packed forms will be asked for
   */
  public Activations(int columns, int maxTokens, int forms) {
    this.columns = columns;
    this.padded = VectorShape.roundUp(columns, 2);
    this.blocks = VectorShape.roundUp(Math.ceilDiv(columns, BLOCK), 2);
    int rows = maxTokens == 1 ? 1 : VectorShape.roundUp(maxTokens, GROUP);
    floats = new float[has(forms, FLOATS) ? rows * padded : 0];
    fine =
        new QuantizedActivations(
            FINE_MAX,
            BLOCK,
            FINE_MOST,
            8,
            rows,
            blocks,
            has(forms, FINE_PAIRS),
            has(forms, FINE_SHORTS),
            false,
            false,
            has(forms, NIBBLE_CHAINS) ? Chain.NIBBLES : null);
    bytes =
        new QuantizedActivations(
            MAX,
            BLOCK,
            MAX * BLOCK,
            0,
            rows,
            blocks,
            has(forms, PAIRS),
            false,
            has(forms, INTEGERS),
            has(forms, TRIPLES),
            null);
    bounded =
        new QuantizedActivations(
            MAX,
            BLOCK / 2,
            BOUNDED_MOST,
            16,
            rows,
            blocks,
            has(forms, BOUNDED_PAIRS),
            has(forms, BOUNDED_SHORTS),
            false,
            false,
            has(forms, SIXTH_CHAINS) ? Chain.SIXTHS : null);
  }

  private static boolean has(int forms, int form) {
    return (forms & form) != 0;
  }

  /** Announces how many vectors will be packed next. */
  public void start(int tokens) {
    this.tokens = tokens;
    this.group = tokens == 1 ? 1 : GROUP;
  }

  public int tokens() {
    return tokens;
  }

  /** Length of a vector. */
  public int columns() {
    return columns;
  }

  /** Columns of {@link #floats}: those of the vectors, made even with a zero. */
  int floatColumns() {
    return padded;
  }

  int groups() {
    return Math.ceilDiv(tokens, group);
  }

  /** Blocks of a vector, an even number; the last may be unused. */
  int blocks() {
    return blocks;
  }

  /**
   * Packs one vector: all columns of it, see {@link #pack(int, float[], int, int, int, int,
   * int[])}.
   */
  public void pack(int token, float[] x, int offset, int forms, int[] scratch) {
    pack(token, x, offset, 0, columns, forms, scratch);
  }

  /**
   * Packs columns {@code [from, to)} of a vector. Threads may pack different ones at a time.
   *
   * @param x holds the vector [columns] at {@code offset}; columns must be a multiple of 32 for the
   *     quantised forms
   * @param from a multiple of {@link #SHARE}, and {@code to} another or the end of the vector
   * @param forms the packed forms wanted
   * @param scratch [32], overwritten
   */
  public void pack(int token, float[] x, int offset, int from, int to, int forms, int[] scratch) {
    int g = token / group;
    int t = token % group;
    int first = from / BLOCK;
    int end = to / BLOCK;
    if (has(forms, FLOATS)) {
      int o = (g * padded + from) * group + t;
      for (int c = from; c < (to == columns ? padded : to); c++, o += group) {
        floats[o] = c < columns ? x[offset + c] : 0;
      }
    }
    if (has(forms, FINE_PAIRS)) {
      fine.pack(g, t, group, x, offset, first, end, Form.PAIRS, scratch);
    }
    if (has(forms, NIBBLE_CHAINS) && group == 1) {
      fine.packChains(x, offset, first, end, scratch);
    }
    if (has(forms, SIXTH_CHAINS) && group == 1) {
      bounded.packChains(x, offset, first, end, scratch);
    }
    if (has(forms, FINE_SHORTS)) {
      fine.pack(g, t, group, x, offset, first, end, Form.SHORTS, scratch);
    }
    if (has(forms, PAIRS)) {
      bytes.pack(g, t, group, x, offset, first, end, Form.PAIRS, scratch);
    }
    if (has(forms, BOUNDED_PAIRS)) {
      bounded.pack(g, t, group, x, offset, first, end, Form.PAIRS, scratch);
    }
    if (has(forms, BOUNDED_SHORTS)) {
      bounded.pack(g, t, group, x, offset, first, end, Form.SHORTS, scratch);
    }
    if (has(forms, TRIPLES)) {
      bytes.pack(g, t, group, x, offset, first, end, Form.TRIPLES, scratch);
    }
    if (has(forms, INTEGERS)) {
      bytes.pack(g, t, group, x, offset, first, end, Form.INTEGERS, scratch);
    }
  }
}
