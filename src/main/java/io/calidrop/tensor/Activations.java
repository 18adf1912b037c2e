package io.calidrop.tensor;

import static io.calidrop.tensor.VectorMath.ROUND_BITS;

import jdk.incubator.vector.FloatVector;

/**
 * The input vectors of a matrix product, packed in the order in which kernels broadcast them.
 *
 * <p>Tokens come in groups of {@link #group()}: 4 in a batch, where a kernel multiplies one row
 * vector by four tokens at a time, 1 in decoding. Unused tokens of the last group are stale and
 * their products are ignored.
 *
 * <p>For quantised weights, each 32 columns of a token become signed bytes with one scale, as in
 * Q8_0 (largest magnitude to 127, round to nearest), but with the scale in float32.
 */
public final class Activations {
  /** Columns that share one activation scale. */
  public static final int BLOCK = 32;

  /** Tokens in a group of a batch. */
  public static final int GROUP = 4;

  /** Packed form: float32 values. */
  public static final int FLOATS = 1;

  /** Packed form: quantised values as pairs of shorts in an int. */
  public static final int PAIRS = 2;

  /** Packed form: quantised values, as floats that hold integers. */
  public static final int INTEGERS = 4;

  /**
   * First columns of the four pairs that one int of nibbles multiplies by, its shifts 0, 4, 8 and
   * 12 in turn; the second column of a pair is two further. It is the order in which Q4_0 stores
   * its nibbles, so repacking moves whole ints, see {@link Q4_0Matrix}.
   */
  static final int[] PAIR_COLUMNS = {0, 16, 1, 17};

  private final int columns;
  private final int padded; // even: 16-bit weights hold columns in pairs
  private final int blocks; // even: tiles of one scale a block hold blocks in pairs
  private int tokens;
  private int group;

  /** [groups][columns made even][group] values. */
  final float[] floats;

  /** [groups][blocks][16][group] pairs of quantised values. */
  final int[] pairs;

  /** [groups][columns][group] quantised values. */
  final float[] integers;

  /** [groups][blocks][group] scales. */
  final float[] scales;

  /**
   * [groups][blocks][group] scale times the sum of the quantised values, times {@link Half#BIAS}.
   */
  final float[] sums;

  /**
   * [groups][blocks][group] pairs of -8 * the sum of the first and of the second values of a pair.
   */
  final int[] offsets;

  /**
   * @param columns length of a vector
   * @param maxTokens most vectors at a time
   * @param forms which packed forms will be asked for: any of {@link #FLOATS}, {@link #PAIRS},
   *     {@link #INTEGERS}
   */
  public Activations(int columns, int maxTokens, int forms) {
    this.columns = columns;
    this.padded = columns + (columns & 1);
    this.blocks = VectorShape.roundUp(Math.ceilDiv(columns, BLOCK), 2);
    int rows = maxTokens == 1 ? 1 : VectorShape.roundUp(maxTokens, GROUP);
    int quantised = (forms & (PAIRS | INTEGERS)) != 0 ? rows * blocks : 0;
    floats = new float[(forms & FLOATS) != 0 ? rows * padded : 0];
    pairs = new int[(forms & PAIRS) != 0 ? quantised * BLOCK / 2 : 0];
    integers = new float[(forms & INTEGERS) != 0 ? quantised * BLOCK : 0];
    scales = new float[quantised];
    sums = new float[quantised];
    offsets = new int[quantised];
  }

  /** Announces how many vectors will be packed next. */
  public void start(int tokens) {
    this.tokens = tokens;
    this.group = tokens == 1 ? 1 : GROUP;
  }

  public int tokens() {
    return tokens;
  }

  /** Columns of {@link #floats}: those of the vectors, made even with a zero. */
  int floatColumns() {
    return padded;
  }

  int group() {
    return group;
  }

  int groups() {
    return Math.ceilDiv(tokens, group);
  }

  int blocks() {
    return blocks;
  }

  /**
   * Packs one vector.
   *
   * @param x holds the vector [columns] at {@code offset}; columns must be a multiple of 32 for the
   *     quantised forms
   * @param forms the packed forms wanted
   * @param scratch [32], overwritten
   */
  public void pack(int token, float[] x, int offset, int forms, int[] scratch) {
    int g = token / group;
    int t = token % group;
    if ((forms & FLOATS) != 0) {
      for (int c = 0, o = g * padded * group + t; c < columns; c++, o += group) {
        floats[o] = x[offset + c];
      }
    }
    if ((forms & (PAIRS | INTEGERS)) != 0) {
      for (int b = 0; b < columns / BLOCK; b++) {
        int o = (g * blocks + b) * group + t;
        quantise(x, offset + b * BLOCK, o, scratch);
        if ((forms & PAIRS) != 0) {
          packPairs(scratch, (g * blocks + b) * (BLOCK / 2) * group + t, o);
        }
        if ((forms & INTEGERS) != 0) {
          packIntegers(scratch, (g * blocks + b) * BLOCK * group + t);
        }
      }
    }
  }

  private void quantise(float[] x, int offset, int o, int[] q) {
    float max = VectorMath.maxAbs(x, offset, BLOCK);
    float scale = max / 127f;
    float inverse = max == 0 ? 0 : 127f / max;
    for (int i = 0; i < BLOCK; i += VectorShape.LANES) {
      FloatVector.fromArray(VectorShape.F, x, offset + i)
          .mul(inverse)
          .add(VectorMath.ROUND)
          .reinterpretAsInts()
          .sub(ROUND_BITS)
          .intoArray(q, i);
    }
    scales[o] = scale;
  }

  private void packPairs(int[] q, int to, int o) {
    int first = 0;
    int second = 0;
    for (int k = 0; k < BLOCK / 2; k++) {
      int column = (k & ~3) + PAIR_COLUMNS[k & 3];
      int a = q[column];
      int b = q[column + 2];
      first += a;
      second += b;
      pairs[to + k * group] = a & 0xffff | b << 16;
    }
    offsets[o] = -8 * first & 0xffff | -8 * second << 16;
    sums[o] = scales[o] * (first + second);
  }

  private void packIntegers(int[] q, int to) {
    for (int c = 0; c < BLOCK; c++) {
      integers[to + c * group] = q[c];
    }
  }
}
