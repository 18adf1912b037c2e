package io.calidrop.sampling;

/**
 * A score and an index in one long whose order is: the lower score first, and of equal scores the
 * higher index first. The best therefore has the greatest key, and a tie goes to the lower index.
 */
final class Rank {
  private Rank() {}

  /**
   * The key of a score.
   *
   * @param score not NaN
   * @param index at least 0
   */
  static long key(float score, int index) {
    // Adding 0 makes one zero of the two; the flip puts negative floats in the order of integers.
    int bits = Float.floatToRawIntBits(score + 0f);
    int ordered = bits ^ ((bits >> 31) & Integer.MAX_VALUE);
    return ((long) ordered << 32) | (Integer.MAX_VALUE - index);
  }

  static int index(long key) {
    return Integer.MAX_VALUE - (int) key;
  }
}
