package io.calidrop.tensor;

import java.lang.foreign.MemorySegment;

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
      int column = offset + QuantizedActivations.pairColumn(k);
      int place = 8 * (k >> 1 & 1) + width * (2 * (i >> 2) + (k & 1));
      bits |= (q[column] >> shift & mask) << place;
      bits |= (q[column + 2] >> shift & mask) << 16 + place;
    }
    return bits;
  }

  /**
   * Three- or five-bit quants, whose fields fill 15 bits of each half of as many ints as a quant
   * has bits: a shift and a mask give a pair, where quants split in two ints take two of each. In
   * the last bit of the halves is a bit of pair 15.
   *
   * @param q holds the quants of a block of 32 columns at {@code offset}
   * @param width bits of a quant, 3 or 5
   * @param i which int, and so which bit of pair 15
   * @param pairs whose fields it holds, from the lowest on
   */
  static int fields(byte[] q, int offset, int width, int i, int... pairs) {
    int last = offset + QuantizedActivations.pairColumn(15);
    int bits = (q[last] >> i & 1) << 15 | (q[last + 2] >> i & 1) << 31;
    for (int f = 0; f < pairs.length; f++) {
      int k = pairs[f];
      int column = offset + QuantizedActivations.pairColumn(k);
      bits |= q[column] << width * f | q[column + 2] << 16 + width * f;
    }
    return bits;
  }

  /**
   * Writes the five ints of {@link #fields} of a block of five-bit quants: three pairs each, in
   * order.
   *
   * @param q [32] quants
   * @param to of the row's first int in a tile
   */
  static void packFifths(byte[] q, MemorySegment tile, long to) {
    for (int i = 0; i < 5; i++) {
      tile.set(
          TiledMatrix.INT,
          to + i * TiledMatrix.STEP,
          fields(q, 0, 5, i, 3 * i, 3 * i + 1, 3 * i + 2));
    }
  }
}
