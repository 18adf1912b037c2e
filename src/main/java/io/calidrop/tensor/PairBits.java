package io.calidrop.tensor;

/**
 * Packs some bits of many quants into ints, in the order in which kernels pair columns: the low
 * half of an int belongs to the first columns of its pairs, the high half to the second ones. Of
 * each four pairs the first two are in the lower bytes of the halves, the other two at the same
 * places of the upper bytes. A shift of the whole int then brings both columns of a pair, or all
 * four of two pairs, to the place where a mask wants them.
 */
final class PairBits {
  private PairBits() {}

  /**
   * Bits {@code [shift, shift + width)} of the quants of as many pairs as an int holds, 16 / width.
   *
   * @param q holds the quants of a block of 32 columns at {@code offset}
   * @param pair the first of the pairs
   */
  static int pack(byte[] q, int offset, int pair, int shift, int width) {
    int mask = (1 << width) - 1;
    int bits = 0;
    for (int i = 0; i < 16 / width; i++) {
      int k = pair + i;
      int column = offset + (k & ~3) + QuantizedActivations.PAIR_COLUMNS[k & 3];
      int place = 8 * (k >> 1 & 1) + width * (2 * (i >> 2) + (k & 1));
      bits |= (q[column] >> shift & mask) << place;
      bits |= (q[column + 2] >> shift & mask) << 16 + place;
    }
    return bits;
  }
}
