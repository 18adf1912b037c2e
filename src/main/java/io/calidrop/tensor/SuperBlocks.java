package io.calidrop.tensor;

import java.lang.foreign.MemorySegment;

/**
 * The k-quants: super-blocks of 256 with half-precision scales of the integer scales of their
 * sub-blocks.
 */
final class SuperBlocks {
  private SuperBlocks() {}

  /**
   * 16 bytes of a 4-bit scale (low) and minimum (high) for each 16 elements, 64 bytes of 2-bit
   * quants, d, dmin: {@code d * scale * q - dmin * min}. Each 32 bytes hold four runs of 32
   * elements, by bit pair.
   */
  static void q2(MemorySegment source, long offset, float[] out, int o) {
    float d = Blocks.half(source, offset + 80);
    float dmin = Blocks.half(source, offset + 82);
    for (int i = 0; i < 256; i++) {
      int scale = Blocks.u8(source, offset + i / 16);
      out[o + i] = d * (scale & 15) * q2Quant(source, offset, i) - dmin * (scale >> 4);
    }
  }

  /** Quant i of a Q2_K super-block, 0..3. */
  static int q2Quant(MemorySegment source, long offset, int i) {
    int shift = i % 128 / 32 * 2;
    return Blocks.u8(source, offset + 16 + i / 128 * 32 + i % 32) >> shift & 3;
  }

  /**
   * 32 bytes of third bits (bit i / 32 of byte i % 32; set means no 4 subtracted), 64 bytes of
   * 2-bit quants as in Q2_K, 12 bytes of sixteen 6-bit scales, d: {@code d * (scale - 32) * q}, q
   * in -4..3.
   */
  static void q3(MemorySegment source, long offset, float[] out, int o) {
    float d = Blocks.half(source, offset + 108);
    for (int i = 0; i < 256; i++) {
      out[o + i] =
          d * (q3Scale(source, offset + 96, i / 16) - 32) * (q3Quant(source, offset, i) - 4);
    }
  }

  /** Quant i of a Q3_K super-block, 0..7. */
  static int q3Quant(MemorySegment source, long offset, int i) {
    int shift = i % 128 / 32 * 2;
    int low = Blocks.u8(source, offset + 32 + i / 128 * 32 + i % 32) >> shift & 3;
    int high = Blocks.u8(source, offset + i % 32) >> i / 32 & 1;
    return low | high << 2;
  }

  /**
   * Scale j of sixteen: low nibbles in 8 bytes (two scales each), pairs of high bits in the last 4.
   */
  static int q3Scale(MemorySegment source, long offset, int j) {
    int low = Blocks.u8(source, offset + j % 8) >> j / 8 * 4 & 15;
    int high = Blocks.u8(source, offset + 8 + j % 4) >> j / 4 * 2 & 3;
    return low | high << 4;
  }

  /**
   * d, dmin, 12 bytes of eight 6-bit scales and minima, 128 bytes of nibbles: {@code d * scale * q
   * - dmin * min}. Each 32 bytes hold 32 elements in their low nibbles and the next 32 in the high
   * ones.
   */
  static void q4(MemorySegment source, long offset, float[] out, int o) {
    float d = Blocks.half(source, offset);
    float dmin = Blocks.half(source, offset + 2);
    for (int i = 0; i < 256; i++) {
      int q = Blocks.u8(source, offset + 16 + i / 64 * 32 + i % 32) >> i / 32 % 2 * 4 & 15;
      float scale = d * KScales.scale(source, offset + 4, i / 32);
      out[o + i] = scale * q - dmin * KScales.min(source, offset + 4, i / 32);
    }
  }

  /** Like Q4_K, with 32 bytes of fifth bits (bit i / 32 of byte i % 32) before the nibbles. */
  static void q5(MemorySegment source, long offset, float[] out, int o) {
    float d = Blocks.half(source, offset);
    float dmin = Blocks.half(source, offset + 2);
    for (int i = 0; i < 256; i++) {
      float scale = d * KScales.scale(source, offset + 4, i / 32);
      out[o + i] =
          scale * q5Quant(source, offset, i) - dmin * KScales.min(source, offset + 4, i / 32);
    }
  }

  /** Quant i of a Q5_K super-block, 0..31. */
  static int q5Quant(MemorySegment source, long offset, int i) {
    int low = Blocks.u8(source, offset + 48 + i / 64 * 32 + i % 32) >> i / 32 % 2 * 4 & 15;
    int high = Blocks.u8(source, offset + 16 + i % 32) >> i / 32 & 1;
    return low | high << 4;
  }

  /**
   * 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed scales, d: {@code d * scale *
   * (q - 32)}. Each 128 elements are 64 bytes of nibbles (two runs of 32 low, then high) and 32 of
   * bit pairs.
   */
  static void q6(MemorySegment source, long offset, float[] out, int o) {
    float d = Blocks.half(source, offset + 208);
    for (int i = 0; i < 256; i++) {
      out[o + i] = d * Blocks.s8(source, offset + 192 + i / 16) * (q6Quant(source, offset, i) - 32);
    }
  }

  /** Quant i of a Q6_K super-block, 0..63. */
  static int q6Quant(MemorySegment source, long offset, int i) {
    int run = i % 128 / 32;
    int low = Blocks.u8(source, offset + i / 128 * 64 + run % 2 * 32 + i % 32) >> run / 2 * 4;
    int high = Blocks.u8(source, offset + 128 + i / 128 * 32 + i % 32) >> run * 2;
    return low & 15 | (high & 3) << 4;
  }
}
