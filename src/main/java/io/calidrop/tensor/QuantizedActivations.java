package io.calidrop.tensor;

/**
 * Input vectors as signed integers with a float32 scale for each 32 columns: the largest magnitude
 * of a block becomes {@code max}, the others are rounded to nearest. Packed in the order in which
 * kernels broadcast them, see {@link Activations}.
 */
final class QuantizedActivations {
  /** Columns that share a scale. */
  static final int BLOCK = 32;

  /**
   * First columns of the four pairs that one int of nibbles multiplies by, its shifts 0, 4, 8 and
   * 12 in turn; the second column of a pair is two further. It is the order in which Q4_0 stores
   * its nibbles, so repacking moves whole ints, see {@link Q4_0Matrix}.
   */
  static final int[] PAIR_COLUMNS = {0, 16, 1, 17};

  /** The first column of pair {@code k} of a block, 0..15. */
  static int pairColumn(int k) {
    return (k & ~3) + PAIR_COLUMNS[k & 3];
  }

  /** How values are laid out. */
  enum Form {
    PAIRS,
    SHORTS,
    INTEGERS,
    TRIPLES
  }

  private final int max;
  private final int columns;
  private final int most;
  private final int center;
  private final int blocks;

  /** [groups][blocks][16][group] pairs of values, the first in the low half. */
  final int[] pairs;

  private final Chain chain;

  /**
   * What a single vector packs for its chain: [blocks][32 / columns][stride], see {@link Chain}.
   */
  final int[] chains;

  /** [groups][blocks][32][group] values. */
  final short[] shorts;

  /** [groups][blocks][32][group] values. */
  final float[] integers;

  /**
   * [groups][blocks][3][8][group] pairs of what a short with two weights, bytes a and b of 0..255
   * for -128..127, is multiplied by: with x and y the values that belong to a and b, {@code (a +
   * 256 * b) * x + b * (y - 256 * x) - 128 * (x + y)} is the sum of both products modulo 2^16. To
   * it the lower half of an int has 2^15 added, so that it is never negative and ints of such pairs
   * can be added as they are.
   */
  final int[] triples;

  /** From the first to the second of {@link #triples}, and to the third, in groups. */
  static final int TRIPLES_STEP = BLOCK / 4;

  /** What {@link #triples} add to the sum of a block's products. */
  static final int TRIPLES_OFFSET = BLOCK / 4 << 15;

  /** [groups][blocks][group] scales. */
  final float[] scales;

  /** [groups][blocks][group] scale times the sum of the values. */
  final float[] sums;

  /** [groups][blocks][group] {@code center} times the sum of the values. */
  final int[] totals;

  /** {@link #scales} over 2^16: kernels widen sums of {@link #shorts} to 2^16 times themselves. */
  final float[] shortScales;

  /** {@link #totals} times 2^16. */
  final float[] shortTotals;

  /**
   * [groups][blocks][group] pairs of -{@code center} times the sum of the first and of the second
   * values of pairs: where the sum of products starts, so that weights count as q - center.
   */
  final int[] offsets;

  /**
   * [groups][blocks][2][group] pairs of sums of the first and of the second values of pairs, for
   * columns 0..15 (the even pairs) and for columns 16..31 (the odd ones).
   */
  final int[] halves;

  /** [groups][blocks][2][group] scale times the sum of the values of 16 columns. */
  final float[] halfSums;

  /**
   * @param max magnitude of the largest value
   * @param columns of a block whose sum is bounded, all or half of them
   * @param most what the magnitudes of so many columns may add up to; where they add up to more,
   *     the block's values become smaller
   * @param center middle of the range of the weights that these values multiply
   * @param tokens capacity
   * @param blocks of a vector
   * @param chain that single vectors are packed for, or null
   */
  QuantizedActivations(
      int max,
      int columns,
      int most,
      int center,
      int tokens,
      int blocks,
      boolean withPairs,
      boolean withShorts,
      boolean withIntegers,
      boolean withTriples,
      Chain chain) {
    this.max = max;
    this.columns = columns;
    this.most = most;
    this.center = center;
    this.blocks = blocks;
    int size = withPairs || withShorts || withIntegers || withTriples ? tokens * blocks : 0;
    pairs = new int[withPairs ? size * BLOCK / 2 : 0];
    this.chain = chain;
    chains = new int[chain == null ? 0 : blocks * chain.blockInts()];
    shorts = new short[withShorts ? size * BLOCK : 0];
    integers = new float[withIntegers ? size * BLOCK : 0];
    triples = new int[withTriples ? size * BLOCK / 4 * 3 : 0];
    scales = new float[size];
    sums = new float[size];
    totals = new int[size];
    shortScales = new float[withShorts ? size : 0];
    shortTotals = new float[withShorts ? size : 0];
    offsets = new int[size];
    halves = new int[2 * size];
    halfSums = new float[2 * size];
  }

  /**
   * Packs token {@code t} of group {@code g}.
   *
   * @param group tokens in a group
   * @param from first block to pack, an even number, and {@code to} the one behind the last
   * @param form as pairs, as shorts or as integers
   * @param q [32], overwritten
   */
  void pack(int g, int t, int group, float[] x, int offset, int from, int to, Form form, int[] q) {
    for (int b = from; b < to; b++) {
      int block = g * blocks + b;
      scales[block * group + t] = quantise(x, offset + b * BLOCK, q);
      switch (form) {
        case PAIRS -> packPairs(q, block * (BLOCK / 2) * group + t, group, block, t);
        case SHORTS -> packShorts(q, block * BLOCK * group + t, group, block, t);
        case TRIPLES ->
            packTriples(q, block * (BLOCK / 4) * 3 * group + t, group, block * group + t);
        case INTEGERS -> {
          int o = block * BLOCK * group + t;
          for (int c = 0; c < BLOCK; c++, o += group) {
            integers[o] = q[c];
          }
        }
      }
    }
    if (to % 2 != 0) { // what a larger batch left in the last block's partner counts for nothing
      scales[(g * blocks + to) * group + t] = 0;
    }
  }

  /**
   * Packs a single vector for its chain.
   *
   * @param from first block to pack, and {@code to} the one behind the last
   * @param q [32], overwritten
   */
  void packChains(float[] x, int offset, int from, int to, int[] q) {
    for (int b = from; b < to; b++) {
      float scale = quantise(x, offset + b * BLOCK, q);
      chain.pack(q, scale, chains, b * chain.blockInts());
    }
  }

  /** Returns the scale. */
  private float quantise(float[] x, int offset, int[] q) {
    float largest = VectorMath.maxAbs(x, offset, BLOCK);
    float inverse = max / largest;
    if (inverse == Float.POSITIVE_INFINITY) { // all zero, or too small to matter
      inverse = 0;
    }
    VectorMath.round(x, offset, BLOCK, inverse, q);
    float scale = largest / max;
    return max * columns > most ? bound(x, offset, inverse, scale, q) : scale;
  }

  /**
   * Quantises again where the sum of magnitudes is too large; rounding adds at most a half to each.
   */
  private float bound(float[] x, int offset, float inverse, float scale, int[] q) {
    int sum = 0;
    for (int from = 0; from < BLOCK; from += columns) {
      sum = Math.max(sum, VectorMath.sumAbs(q, from, columns));
    }
    if (sum <= most) {
      return scale;
    }
    float factor = (most - columns / 2) / (sum + columns / 2f);
    VectorMath.round(x, offset, BLOCK, inverse * factor, q);
    return scale / factor;
  }

  private void packShorts(int[] q, int to, int group, int block, int t) {
    int o = block * group + t;
    int sum = 0;
    for (int half = 0; half < 2; half++) {
      int before = sum;
      for (int c = half * BLOCK / 2; c < (half + 1) * BLOCK / 2; c++, to += group) {
        shorts[to] = (short) q[c];
        sum += q[c];
      }
      halfSums[(2 * block + half) * group + t] = scales[o] * (sum - before);
    }
    sums[o] = scales[o] * sum;
    shortScales[o] = scales[o] * 0x1p-16f; // a power of two: it changes no bit of a product
    shortTotals[o] = center * sum * 0x1p16f;
  }

  private void packTriples(int[] q, int to, int group, int o) {
    sums[o] = 0; // no format with bytes has minima
    for (int k = 0; k < BLOCK / 2; k += 4) {
      for (int i = k; i < k + 2; i++, to += group) {
        int first = k + PAIR_COLUMNS[i & 3];
        int second = k + PAIR_COLUMNS[i + 2 & 3];
        triples[to] = pair(q[first], q[first + 2]);
        triples[to + TRIPLES_STEP * group] =
            pair(q[second] - 256 * q[first], q[second + 2] - 256 * q[first + 2]);
        triples[to + 2 * TRIPLES_STEP * group] =
            pair((1 << 15) - 128 * (q[first] + q[second]), -128 * (q[first + 2] + q[second + 2]));
      }
    }
  }

  private void packPairs(int[] q, int to, int group, int block, int t) {
    int o = block * group + t;
    int first = 0;
    int second = 0;
    for (int half = 0; half < 2; half++) {
      int a = 0;
      int b = 0;
      for (int k = half; k < BLOCK / 2; k += 2) {
        int column = pairColumn(k);
        a += q[column];
        b += q[column + 2];
        pairs[to + k * group] = pair(q[column], q[column + 2]);
      }
      halves[(2 * block + half) * group + t] = pair(a, b);
      halfSums[(2 * block + half) * group + t] = scales[o] * (a + b);
      first += a;
      second += b;
    }
    setSums(o, first, second);
  }

  /** Keeps what a block's first and second columns of all pairs add up to. */
  private void setSums(int o, int first, int second) {
    offsets[o] = pair(-center * first, -center * second);
    totals[o] = center * (first + second);
    sums[o] = scales[o] * (first + second);
  }

  static int pair(int low, int high) {
    return low & 0xffff | high << 16;
  }
}
