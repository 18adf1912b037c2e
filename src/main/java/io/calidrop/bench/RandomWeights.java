package io.calidrop.bench;

import io.calidrop.gguf.GgmlType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;

/** Random weights of any format, small enough that a model of them computes finite numbers. */
public final class RandomWeights {
  private static final long SEED = 42;

  private RandomWeights() {}

  /** A tensor in the file's layout. */
  public static MemorySegment segment(Arena arena, GgmlType type, int rows, int columns) {
    byte[] bytes = new byte[Math.toIntExact(type.bytes((long) rows * columns))];
    fill(bytes, type, new Random(SEED));
    return arena.allocate(bytes.length, Long.BYTES).copyFrom(MemorySegment.ofArray(bytes));
  }

  /** Fills whole blocks. */
  static void fill(byte[] blocks, GgmlType type, Random random) {
    random.nextBytes(blocks);
    for (int at = 0; at < blocks.length; at += type.blockBytes()) {
      scale(blocks, at, type, random);
    }
  }

  /** Replaces the random bits of a block's floating-point numbers by small ones. */
  private static void scale(byte[] row, int at, GgmlType type, Random random) {
    short small = Float.floatToFloat16(0.002f);
    short tiny = Float.floatToFloat16(4e-5f);
    switch (type) {
      case F32 -> put32(row, at, Float.floatToRawIntBits((random.nextFloat() - 0.5f) / 16));
      case F16 -> put16(row, at, Float.floatToFloat16((random.nextFloat() - 0.5f) / 16));
      case BF16 ->
          put16(
              row, at, (short) (Float.floatToRawIntBits((random.nextFloat() - 0.5f) / 16) >>> 16));
      case Q4_1, Q5_1 -> {
        put16(row, at, small);
        put16(row, at + 2, Float.floatToFloat16(-0.016f));
      }
      case Q4_K, Q5_K -> {
        put16(row, at, tiny);
        put16(row, at + 2, tiny);
      }
      case Q2_K -> {
        put16(row, at + 80, tiny);
        put16(row, at + 82, tiny);
      }
      case Q3_K -> put16(row, at + 108, tiny);
      case IQ4_XS -> put16(row, at, Float.floatToFloat16(2e-6f));
      case Q6_K -> put16(row, at + 208, Float.floatToFloat16(1e-5f));
      case Q8_0, IQ4_NL -> put16(row, at, Float.floatToFloat16(2e-4f));
      default -> put16(row, at, small);
    }
  }

  private static void put16(byte[] bytes, int at, short value) {
    bytes[at] = (byte) value;
    bytes[at + 1] = (byte) (value >>> 8);
  }

  static void put32(byte[] bytes, int at, int value) {
    put16(bytes, at, (short) value);
    put16(bytes, at + 2, (short) (value >>> 16));
  }
}
