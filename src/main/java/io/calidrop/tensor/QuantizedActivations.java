package io.calidrop.tensor;

import jdk.incubator.vector.FloatVector;

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

  private final int max;
  private final int blocks;

  /** [groups][blocks][16][group] pairs of values, the first in the low half. */
  final int[] pairs;

  /** [groups][blocks][32][group] values. */
  final float[] integers;

  /** [groups][blocks][group] scales. */
  final float[] scales;

  /** [groups][blocks][group] scale times the sum of the values. */
  final float[] sums;

  /** [groups][blocks][group] 8 times the sum of the values. */
  final int[] totals;

  /**
   * [groups][blocks][group] pairs of -8 times the sum of the first and of the second values of
   * pairs.
   */
  final int[] offsets;

  /**
   * @param max magnitude of the largest value
   * @param tokens capacity
   * @param blocks of a vector
   */
  QuantizedActivations(int max, int tokens, int blocks, boolean withPairs, boolean withIntegers) {
    this.max = max;
    this.blocks = blocks;
    int size = withPairs || withIntegers ? tokens * blocks : 0;
    pairs = new int[withPairs ? size * BLOCK / 2 : 0];
    integers = new float[withIntegers ? size * BLOCK : 0];
    scales = new float[size];
    sums = new float[size];
    totals = new int[size];
    offsets = new int[size];
  }

  /**
   * Packs token {@code t} of group {@code g}.
   *
   * @param group tokens in a group
   * @param count whole blocks to pack
   * @param q [32], overwritten
   */
  void pack(int g, int t, int group, float[] x, int offset, int count, boolean asPairs, int[] q) {
    for (int b = 0; b < count; b++) {
      int block = g * blocks + b;
      quantise(x, offset + b * BLOCK, block * group + t, q);
      if (asPairs) {
        packPairs(q, block * (BLOCK / 2) * group + t, group, block * group + t);
      } else {
        for (int c = 0, to = block * BLOCK * group + t; c < BLOCK; c++, to += group) {
          integers[to] = q[c];
        }
      }
    }
  }

  private void quantise(float[] x, int offset, int o, int[] q) {
    float largest = VectorMath.maxAbs(x, offset, BLOCK);
    float inverse = largest == 0 ? 0 : max / largest;
    for (int i = 0; i < BLOCK; i += VectorShape.LANES) {
      FloatVector.fromArray(VectorShape.F, x, offset + i)
          .mul(inverse)
          .add(VectorMath.ROUND)
          .reinterpretAsInts()
          .sub(VectorMath.ROUND_BITS)
          .intoArray(q, i);
    }
    scales[o] = largest / max;
  }

  private void packPairs(int[] q, int to, int group, int o) {
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
    totals[o] = 8 * (first + second);
    sums[o] = scales[o] * (first + second);
  }
}
