package io.calidrop.attention;

import static io.calidrop.attention.KvHead.BLOCK;
import static io.calidrop.attention.KvHead.QUAD;
import static io.calidrop.tensor.VectorShape.B;
import static io.calidrop.tensor.VectorShape.BYTES;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Products of four queries, or of three, with a group of dimensions of a tile of {@link
 * PackedKeys}. The field on top of an int, all else masked away, is its code times a power of two;
 * that and the rows' scales come last.
 *
 * <p>The bodies are as long as C2 bears: it schedules within a basic block, and with eight fields
 * in one, all are unpacked before the first is used, to memory. The branches for the fourth query
 * keep it from that. A vector of shifts or of a mask is read from memory, or it would be made anew
 * before each use.
 */
final class PackedScores {
  /** Of fields of so many bits, the mask and the width. */
  private static final int[] TOP = {0, 0, 0, 0, -1 << 28, -1 << 27, 0, 0, -1 << 24};

  private static final int[] WIDTH = {0, 0, 0, 0, 4, 5, 0, 0, 8};

  private PackedScores() {}

  /**
   * Sums the products with codes of 8 or 4 bits. A round takes four: what lies two bytes before an
   * int has its lower half on top.
   *
   * @param p where the group begins
   * @param ints that a row has
   * @param queries holds [dims][4] at {@code q}, and numbers for what fields are beyond
   * @param sums gets the tile's [4][BLOCK] at {@code s}
   */
  static void sum(
      byte[] page,
      int p,
      int ints,
      int dims,
      int bits,
      float[] queries,
      int q,
      boolean four,
      float[] sums,
      int s) {
    int half = bits == 4 ? 1 : 0;
    int rounds = Math.ceilDiv(dims, 4);
    IntVector top = IntVector.broadcast(I, TOP[bits]);
    IntVector width = IntVector.broadcast(I, WIDTH[bits]);
    FloatVector a0 = FloatVector.zero(F);
    FloatVector b0 = a0;
    FloatVector a1 = a0;
    FloatVector b1 = a0;
    FloatVector a2 = a0;
    FloatVector b2 = a0;
    FloatVector a3 = a0;
    FloatVector b3 = a0;
    for (int i = 0; i < rounds; i++, q += 4 * QUAD) {
      int at = p + (1 + (i >> half)) * BYTES - (i & half) * Short.BYTES;
      IntVector a = (IntVector) ByteVector.fromArray(B, page, at).reinterpretShape(I, 0);
      IntVector b =
          (IntVector) ByteVector.fromArray(B, page, at + ints * BYTES).reinterpretShape(I, 0);
      FloatVector low0 = (FloatVector) a.and(top).convertShape(I2F, F, 0);
      FloatVector high0 = (FloatVector) b.and(top).convertShape(I2F, F, 0);
      FloatVector x00 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(queries[q])).reinterpretShape(F, 0);
      a0 = low0.fma(x00, a0);
      b0 = high0.fma(x00, b0);
      FloatVector x10 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 1]))
                  .reinterpretShape(F, 0);
      a1 = low0.fma(x10, a1);
      b1 = high0.fma(x10, b1);
      FloatVector x20 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 2]))
                  .reinterpretShape(F, 0);
      a2 = low0.fma(x20, a2);
      b2 = high0.fma(x20, b2);
      a = a.lanewise(LSHL, width);
      b = b.lanewise(LSHL, width);
      FloatVector low1 = (FloatVector) a.and(top).convertShape(I2F, F, 0);
      FloatVector high1 = (FloatVector) b.and(top).convertShape(I2F, F, 0);
      FloatVector x01 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 4]))
                  .reinterpretShape(F, 0);
      a0 = low1.fma(x01, a0);
      b0 = high1.fma(x01, b0);
      FloatVector x11 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 5]))
                  .reinterpretShape(F, 0);
      a1 = low1.fma(x11, a1);
      b1 = high1.fma(x11, b1);
      FloatVector x21 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 6]))
                  .reinterpretShape(F, 0);
      a2 = low1.fma(x21, a2);
      b2 = high1.fma(x21, b2);
      if (four) {
        FloatVector x30 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 3]))
                    .reinterpretShape(F, 0);
        a3 = low0.fma(x30, a3);
        b3 = high0.fma(x30, b3);
        FloatVector x31 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 7]))
                    .reinterpretShape(F, 0);
        a3 = low1.fma(x31, a3);
        b3 = high1.fma(x31, b3);
      }
      a = a.lanewise(LSHL, width);
      b = b.lanewise(LSHL, width);
      FloatVector low2 = (FloatVector) a.and(top).convertShape(I2F, F, 0);
      FloatVector high2 = (FloatVector) b.and(top).convertShape(I2F, F, 0);
      FloatVector x02 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 8]))
                  .reinterpretShape(F, 0);
      a0 = low2.fma(x02, a0);
      b0 = high2.fma(x02, b0);
      FloatVector x12 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 9]))
                  .reinterpretShape(F, 0);
      a1 = low2.fma(x12, a1);
      b1 = high2.fma(x12, b1);
      FloatVector x22 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 10]))
                  .reinterpretShape(F, 0);
      a2 = low2.fma(x22, a2);
      b2 = high2.fma(x22, b2);
      a = a.lanewise(LSHL, width);
      b = b.lanewise(LSHL, width);
      FloatVector low3 = (FloatVector) a.and(top).convertShape(I2F, F, 0);
      FloatVector high3 = (FloatVector) b.and(top).convertShape(I2F, F, 0);
      FloatVector x03 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 12]))
                  .reinterpretShape(F, 0);
      a0 = low3.fma(x03, a0);
      b0 = high3.fma(x03, b0);
      FloatVector x13 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 13]))
                  .reinterpretShape(F, 0);
      a1 = low3.fma(x13, a1);
      b1 = high3.fma(x13, b1);
      FloatVector x23 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 14]))
                  .reinterpretShape(F, 0);
      a2 = low3.fma(x23, a2);
      b2 = high3.fma(x23, b2);
      if (four) {
        FloatVector x32 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 11]))
                    .reinterpretShape(F, 0);
        a3 = low2.fma(x32, a3);
        b3 = high2.fma(x32, b3);
        FloatVector x33 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 15]))
                    .reinterpretShape(F, 0);
        a3 = low3.fma(x33, a3);
        b3 = high3.fma(x33, b3);
      }
    }
    a0.intoArray(sums, s);
    b0.intoArray(sums, s + LANES);
    s += BLOCK;
    a1.intoArray(sums, s);
    b1.intoArray(sums, s + LANES);
    s += BLOCK;
    a2.intoArray(sums, s);
    b2.intoArray(sums, s + LANES);
    s += BLOCK;
    a3.intoArray(sums, s);
    b3.intoArray(sums, s + LANES);
  }

  /** Sums the products with codes of 5 bits, three a round, which are half of an int. */
  static void sumFive(
      byte[] page,
      int p,
      int ints,
      int dims,
      float[] queries,
      int q,
      boolean four,
      float[] sums,
      int s) {
    int rounds = Math.min(2 * ints, Math.ceilDiv(dims, 3));
    IntVector top = IntVector.broadcast(I, TOP[5]);
    FloatVector a0 = FloatVector.zero(F);
    FloatVector b0 = a0;
    FloatVector a1 = a0;
    FloatVector b1 = a0;
    FloatVector a2 = a0;
    FloatVector b2 = a0;
    FloatVector a3 = a0;
    FloatVector b3 = a0;
    for (int i = 0; i < rounds; i++, q += 3 * QUAD) {
      int at = p + (1 + (i >> 1)) * BYTES;
      int half = (i & 1) * 15;
      IntVector a = (IntVector) ByteVector.fromArray(B, page, at).reinterpretShape(I, 0);
      IntVector b =
          (IntVector) ByteVector.fromArray(B, page, at + ints * BYTES).reinterpretShape(I, 0);
      a = a.lanewise(LSHL, half);
      b = b.lanewise(LSHL, half);
      FloatVector low0 = (FloatVector) a.and(top).convertShape(I2F, F, 0);
      FloatVector high0 = (FloatVector) b.and(top).convertShape(I2F, F, 0);
      FloatVector x00 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(queries[q])).reinterpretShape(F, 0);
      a0 = low0.fma(x00, a0);
      b0 = high0.fma(x00, b0);
      FloatVector x10 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 1]))
                  .reinterpretShape(F, 0);
      a1 = low0.fma(x10, a1);
      b1 = high0.fma(x10, b1);
      FloatVector x20 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 2]))
                  .reinterpretShape(F, 0);
      a2 = low0.fma(x20, a2);
      b2 = high0.fma(x20, b2);
      FloatVector low1 = (FloatVector) a.lanewise(LSHL, 5).and(top).convertShape(I2F, F, 0);
      FloatVector high1 = (FloatVector) b.lanewise(LSHL, 5).and(top).convertShape(I2F, F, 0);
      FloatVector x01 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 4]))
                  .reinterpretShape(F, 0);
      a0 = low1.fma(x01, a0);
      b0 = high1.fma(x01, b0);
      FloatVector x11 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 5]))
                  .reinterpretShape(F, 0);
      a1 = low1.fma(x11, a1);
      b1 = high1.fma(x11, b1);
      FloatVector x21 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 6]))
                  .reinterpretShape(F, 0);
      a2 = low1.fma(x21, a2);
      b2 = high1.fma(x21, b2);
      FloatVector low2 = (FloatVector) a.lanewise(LSHL, 10).and(top).convertShape(I2F, F, 0);
      FloatVector high2 = (FloatVector) b.lanewise(LSHL, 10).and(top).convertShape(I2F, F, 0);
      FloatVector x02 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 8]))
                  .reinterpretShape(F, 0);
      a0 = low2.fma(x02, a0);
      b0 = high2.fma(x02, b0);
      FloatVector x12 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 9]))
                  .reinterpretShape(F, 0);
      a1 = low2.fma(x12, a1);
      b1 = high2.fma(x12, b1);
      FloatVector x22 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 10]))
                  .reinterpretShape(F, 0);
      a2 = low2.fma(x22, a2);
      b2 = high2.fma(x22, b2);
      if (four) {
        FloatVector x30 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 3]))
                    .reinterpretShape(F, 0);
        a3 = low0.fma(x30, a3);
        b3 = high0.fma(x30, b3);
        FloatVector x31 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 7]))
                    .reinterpretShape(F, 0);
        a3 = low1.fma(x31, a3);
        b3 = high1.fma(x31, b3);
        FloatVector x32 =
            (FloatVector)
                IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 11]))
                    .reinterpretShape(F, 0);
        a3 = low2.fma(x32, a3);
        b3 = high2.fma(x32, b3);
      }
    }
    a0.intoArray(sums, s);
    b0.intoArray(sums, s + LANES);
    s += BLOCK;
    a1.intoArray(sums, s);
    b1.intoArray(sums, s + LANES);
    s += BLOCK;
    a2.intoArray(sums, s);
    b2.intoArray(sums, s + LANES);
    s += BLOCK;
    a3.intoArray(sums, s);
    b3.intoArray(sums, s + LANES);
  }

  /** Adds the products with a whole group's last two codes of 5 bits to its sums. */
  static void addLast(
      byte[] page, int p, float[] queries, int q, boolean four, float[] sums, int s) {
    IntVector top = IntVector.broadcast(I, TOP[5]);
    IntVector a = IntVector.zero(I);
    IntVector b = a;
    for (int at = p + BYTES; at < p + 6 * BYTES; at += BYTES) {
      IntVector spareA = (IntVector) ByteVector.fromArray(B, page, at).reinterpretShape(I, 0);
      IntVector spareB =
          (IntVector) ByteVector.fromArray(B, page, at + 5 * BYTES).reinterpretShape(I, 0);
      a = a.lanewise(LSHR, 2).or(spareA.lanewise(LSHL, 30));
      b = b.lanewise(LSHR, 2).or(spareB.lanewise(LSHL, 30));
    }
    FloatVector a0 = FloatVector.fromArray(F, sums, s);
    FloatVector b0 = FloatVector.fromArray(F, sums, s + LANES);
    FloatVector a1 = FloatVector.fromArray(F, sums, s + BLOCK);
    FloatVector b1 = FloatVector.fromArray(F, sums, s + BLOCK + LANES);
    FloatVector a2 = FloatVector.fromArray(F, sums, s + 2 * BLOCK);
    FloatVector b2 = FloatVector.fromArray(F, sums, s + 2 * BLOCK + LANES);
    FloatVector a3 = FloatVector.fromArray(F, sums, s + 3 * BLOCK);
    FloatVector b3 = FloatVector.fromArray(F, sums, s + 3 * BLOCK + LANES);
    FloatVector low0 = (FloatVector) a.and(top).convertShape(I2F, F, 0);
    FloatVector high0 = (FloatVector) b.and(top).convertShape(I2F, F, 0);
    FloatVector x00 =
        (FloatVector)
            IntVector.broadcast(I, Float.floatToRawIntBits(queries[q])).reinterpretShape(F, 0);
    a0 = low0.fma(x00, a0);
    b0 = high0.fma(x00, b0);
    FloatVector x10 =
        (FloatVector)
            IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 1])).reinterpretShape(F, 0);
    a1 = low0.fma(x10, a1);
    b1 = high0.fma(x10, b1);
    FloatVector x20 =
        (FloatVector)
            IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 2])).reinterpretShape(F, 0);
    a2 = low0.fma(x20, a2);
    b2 = high0.fma(x20, b2);
    FloatVector low1 = (FloatVector) a.lanewise(LSHL, 5).and(top).convertShape(I2F, F, 0);
    FloatVector high1 = (FloatVector) b.lanewise(LSHL, 5).and(top).convertShape(I2F, F, 0);
    FloatVector x01 =
        (FloatVector)
            IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 4])).reinterpretShape(F, 0);
    a0 = low1.fma(x01, a0);
    b0 = high1.fma(x01, b0);
    FloatVector x11 =
        (FloatVector)
            IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 5])).reinterpretShape(F, 0);
    a1 = low1.fma(x11, a1);
    b1 = high1.fma(x11, b1);
    FloatVector x21 =
        (FloatVector)
            IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 6])).reinterpretShape(F, 0);
    a2 = low1.fma(x21, a2);
    b2 = high1.fma(x21, b2);
    if (four) {
      FloatVector x30 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 3]))
                  .reinterpretShape(F, 0);
      a3 = low0.fma(x30, a3);
      b3 = high0.fma(x30, b3);
      FloatVector x31 =
          (FloatVector)
              IntVector.broadcast(I, Float.floatToRawIntBits(queries[q + 7]))
                  .reinterpretShape(F, 0);
      a3 = low1.fma(x31, a3);
      b3 = high1.fma(x31, b3);
    }
    a0.intoArray(sums, s);
    b0.intoArray(sums, s + LANES);
    s += BLOCK;
    a1.intoArray(sums, s);
    b1.intoArray(sums, s + LANES);
    s += BLOCK;
    a2.intoArray(sums, s);
    b2.intoArray(sums, s + LANES);
    s += BLOCK;
    a3.intoArray(sums, s);
    b3.intoArray(sums, s + LANES);
  }
}
