package io.calidrop.tensor;

import java.lang.foreign.MemorySegment;

/**
 * ggml's first formats: blocks of 32 with a half-precision scale d and perhaps a minimum m. Byte j
 * of the nibbles holds elements j (low) and j + 16 (high).
 */
final class LegacyBlocks {
  private LegacyBlocks() {}

  /** d, 16 bytes of nibbles: {@code d * (q - 8)}. */
  static void q4Of0(MemorySegment source, long offset, float[] out, int o) {
    float d = Blocks.half(source, offset);
    for (int j = 0; j < 16; j++) {
      int q = Blocks.u8(source, offset + 2 + j);
      out[o + j] = d * ((q & 15) - 8);
      out[o + j + 16] = d * ((q >> 4) - 8);
    }
  }

  /** d, m, 16 bytes of nibbles: {@code d * q + m}. */
  static void q4Of1(MemorySegment source, long offset, float[] out, int o) {
    float d = Blocks.half(source, offset);
    float m = Blocks.half(source, offset + 2);
    for (int j = 0; j < 16; j++) {
      int q = Blocks.u8(source, offset + 4 + j);
      out[o + j] = d * (q & 15) + m;
      out[o + j + 16] = d * (q >> 4) + m;
    }
  }

  /**
   * d, an int of fifth bits (bit i that of element i), 16 bytes of nibbles: {@code d * (q - 16)}.
   */
  static void q5Of0(MemorySegment source, long offset, float[] out, int o) {
    float d = Blocks.half(source, offset);
    for (int j = 0; j < 32; j++) {
      out[o + j] = d * (q5Quant(source, offset + 2, j) - 16);
    }
  }

  /** d, m, an int of fifth bits, 16 bytes of nibbles: {@code d * q + m}. */
  static void q5Of1(MemorySegment source, long offset, float[] out, int o) {
    float d = Blocks.half(source, offset);
    float m = Blocks.half(source, offset + 2);
    for (int j = 0; j < 32; j++) {
      out[o + j] = d * q5Quant(source, offset + 4, j) + m;
    }
  }

  /** Quant j, 0..31, of an int of fifth bits and 16 bytes of nibbles. */
  static int q5Quant(MemorySegment source, long offset, int j) {
    int low = Blocks.u8(source, offset + 4 + j % 16) >> j / 16 * 4 & 15;
    return low | (Blocks.i32(source, offset) >>> j & 1) << 4;
  }

  /** d, 32 signed bytes: {@code d * q}. */
  static void q8Of0(MemorySegment source, long offset, float[] out, int o) {
    float d = Blocks.half(source, offset);
    for (int j = 0; j < 32; j++) {
      out[o + j] = d * Blocks.s8(source, offset + 2 + j);
    }
  }
}
