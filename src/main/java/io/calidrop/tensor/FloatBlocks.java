package io.calidrop.tensor;

import java.lang.foreign.MemorySegment;

/** Formats that are floating-point numbers; a block is one. */
final class FloatBlocks {
  private FloatBlocks() {}

  static void f32(MemorySegment source, long offset, float[] out, int o) {
    out[o] = Float.intBitsToFloat(Blocks.i32(source, offset));
  }

  static void f16(MemorySegment source, long offset, float[] out, int o) {
    out[o] = Blocks.half(source, offset);
  }

  /** The upper half of a float32. */
  static void bf16(MemorySegment source, long offset, float[] out, int o) {
    out[o] = Float.intBitsToFloat(Blocks.u16(source, offset) << 16);
  }
}
