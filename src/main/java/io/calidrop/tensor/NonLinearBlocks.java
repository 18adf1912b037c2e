package io.calidrop.tensor;

import java.lang.foreign.MemorySegment;

/** Formats whose nibbles are indices into a table of unevenly spaced values. */
final class NonLinearBlocks {
  /** The sixteen values of ggml's IQ4 formats. */
  static final byte[] VALUES = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
  };

  private NonLinearBlocks() {}

  /** As Q4_0, with a table: {@code d * VALUES[q]}. */
  static void iq4Nl(MemorySegment source, long offset, float[] out, int o) {
    run(source, offset + 2, Blocks.half(source, offset), out, o);
  }

  /**
   * d, a short of eight high bit pairs of scales, 4 bytes of low nibbles of scales, 128 bytes of
   * indices: 256 elements as eight runs of 32, {@code d * (scale - 32) * VALUES[q]}.
   */
  static void iq4Xs(MemorySegment source, long offset, float[] out, int o) {
    float d = Blocks.half(source, offset);
    for (int b = 0; b < 8; b++) {
      run(source, offset + 8 + b * 16, d * scale(source, offset, b), out, o + b * 32);
    }
  }

  /** The signed scale of block {@code b} of an IQ4_XS super-block. */
  static int scale(MemorySegment source, long offset, int b) {
    int low = Blocks.u8(source, offset + 4 + b / 2) >> b % 2 * 4 & 15;
    int high = Blocks.u16(source, offset + 2) >> 2 * b & 3;
    return (low | high << 4) - 32;
  }

  /** Index j of 32 in 16 bytes of nibbles. */
  static int quant(MemorySegment source, long offset, int j) {
    return Blocks.u8(source, offset + j % 16) >> j / 16 * 4 & 15;
  }

  private static void run(MemorySegment source, long offset, float scale, float[] out, int o) {
    for (int j = 0; j < 32; j++) {
      out[o + j] = scale * VALUES[quant(source, offset, j)];
    }
  }
}
