package io.calidrop.bench;

import io.calidrop.gguf.GgmlType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;

/**
 * Random weights of any format, of mean 0 and a deviation that is asked for. They depend on nothing
 * but the generator: the same bytes on every machine.
 */
public final class RandomWeights {
  private static final long SEED = 42;

  private RandomWeights() {}

  /** A tensor in the file's layout. */
  public static MemorySegment segment(Arena arena, GgmlType type, int rows, int columns) {
    byte[] bytes = new byte[Math.toIntExact(type.bytes((long) rows * columns))];
    fill(bytes, type, new Random(SEED), deviation(columns));
    return arena.allocate(bytes.length, Long.BYTES).copyFrom(MemorySegment.ofArray(bytes));
  }

  /** With weights of this deviation a product is as large as the vector of so many elements. */
  static float deviation(long columns) {
    return (float) (1 / Math.sqrt(columns));
  }

  /** Fills whole blocks. */
  public static void fill(byte[] blocks, GgmlType type, Random random, float deviation) {
    random.nextBytes(blocks);
    for (int at = 0; at < blocks.length; at += type.blockBytes()) {
      scale(blocks, at, type, random, deviation);
    }
  }

  /**
   * Replaces the random bits of a block's floating-point numbers. A block scale is the deviation
   * over that of the format's random integers, and a minimum takes their mean away.
   */
  private static void scale(byte[] row, int at, GgmlType type, Random random, float deviation) {
    switch (type) {
      case F32 -> put32(row, at, Float.floatToRawIntBits(uniform(random, deviation)));
      case F16 -> putHalf(row, at, uniform(random, deviation));
      case BF16 ->
          put16(
              row,
              at,
              (short) (Float.floatToRawIntBits(uniform(random, deviation)) >>> Short.SIZE));
      case Q4_0 -> putHalf(row, at, deviation / 4.6f);
      case Q4_1 -> {
        putHalf(row, at, deviation / 4.6f);
        putHalf(row, at + 2, deviation / 4.6f * -7.5f);
      }
      case Q5_0 -> putHalf(row, at, deviation / 9.2f);
      case Q5_1 -> {
        putHalf(row, at, deviation / 9.2f);
        putHalf(row, at + 2, deviation / 9.2f * -15.5f);
      }
      case Q8_0 -> putHalf(row, at, deviation / 74);
      case IQ4_NL -> putHalf(row, at, deviation / 67);
      case Q2_K -> {
        putHalf(row, at + 80, deviation / 14);
        putHalf(row, at + 82, deviation / 14 * 1.5f);
      }
      case Q3_K -> putHalf(row, at + 108, deviation / 43);
      case Q4_K -> {
        putHalf(row, at, deviation / 258);
        putHalf(row, at + 2, deviation / 258 * 7.5f);
      }
      case Q5_K -> {
        putHalf(row, at, deviation / 526);
        putHalf(row, at + 2, deviation / 526 * 15.5f);
      }
      case Q6_K -> putHalf(row, at + 208, deviation / 1366);
      case IQ4_XS -> putHalf(row, at, deviation / 1248);
      default -> throw new IllegalArgumentException("no random weights of " + type);
    }
  }

  private static float uniform(Random random, float deviation) {
    return (random.nextFloat() - 0.5f) * 3.4641016f * deviation; // the square root of 12
  }

  private static void putHalf(byte[] bytes, int at, float value) {
    put16(bytes, at, Float.floatToFloat16(value));
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
