package io.calidrop.tensor;

import static io.calidrop.tensor.OffHeap.MEMORY;
import static io.calidrop.tensor.TiledMatrix.STEP;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Unpacks blocks of 32 columns to a byte a weight, the form in which {@link MatMulScratch#bytes}
 * holds them: with each shift four columns of a row, see {@link PairBits}.
 */
final class Bytes {
  private Bytes() {}

  /**
   * Four-bit weights.
   *
   * @param address of four ints for each row
   * @param o index of the first row's first four weights
   */
  static void nibbles(long address, int[] w, int o) {
    IntVector nibbles = IntVector.broadcast(I, 0x0f0f0f0f);
    for (int j = 0; j < 4; j++, address += STEP, o += 2 * Matrix.ROW_BLOCK) {
      IntVector q = IntVector.fromMemorySegment(I, MEMORY, address, LITTLE_ENDIAN);
      q.and(nibbles).intoArray(w, o);
      q.lanewise(LSHR, 4).and(nibbles).intoArray(w, o + Matrix.ROW_BLOCK);
    }
  }

  /**
   * Five-bit weights.
   *
   * @param address of five ints of {@link PairBits#fields} for each row
   * @param o index of the first row's first four weights
   */
  static void fifths(long address, int[] w, int o) {
    IntVector lower = IntVector.broadcast(I, 0x001f001f);
    IntVector upper = IntVector.broadcast(I, 0x1f001f00);
    IntVector q0 = IntVector.fromMemorySegment(I, MEMORY, address, LITTLE_ENDIAN);
    IntVector q1 = IntVector.fromMemorySegment(I, MEMORY, address + STEP, LITTLE_ENDIAN);
    IntVector q2 = IntVector.fromMemorySegment(I, MEMORY, address + 2 * STEP, LITTLE_ENDIAN);
    IntVector q3 = IntVector.fromMemorySegment(I, MEMORY, address + 3 * STEP, LITTLE_ENDIAN);
    IntVector q4 = IntVector.fromMemorySegment(I, MEMORY, address + 4 * STEP, LITTLE_ENDIAN);
    q0.and(lower).or(q0.lanewise(LSHR, 2).and(upper)).intoArray(w, o);
    q0.lanewise(LSHR, 5)
        .and(lower)
        .or(q1.lanewise(LSHL, 8).and(upper))
        .intoArray(w, o + 1 * Matrix.ROW_BLOCK);
    q1.lanewise(LSHR, 5)
        .and(lower)
        .or(q2.lanewise(LSHL, 8).and(upper))
        .intoArray(w, o + 2 * Matrix.ROW_BLOCK);
    q1.lanewise(LSHR, 10)
        .and(lower)
        .or(q2.lanewise(LSHL, 3).and(upper))
        .intoArray(w, o + 3 * Matrix.ROW_BLOCK);
    q2.lanewise(LSHR, 10)
        .and(lower)
        .or(q3.lanewise(LSHL, 3).and(upper))
        .intoArray(w, o + 4 * Matrix.ROW_BLOCK);
    q3.and(lower).or(q3.lanewise(LSHR, 2).and(upper)).intoArray(w, o + 5 * Matrix.ROW_BLOCK);
    q4.and(lower).or(q4.lanewise(LSHR, 2).and(upper)).intoArray(w, o + 6 * Matrix.ROW_BLOCK);
    q4.lanewise(LSHR, 5)
        .and(lower)
        .or(q0.lanewise(LSHR, 7).and(0x01000100))
        .or(q1.lanewise(LSHR, 6).and(0x02000200))
        .or(q2.lanewise(LSHR, 5).and(0x04000400))
        .or(q3.lanewise(LSHR, 4).and(0x08000800))
        .or(q4.lanewise(LSHR, 3).and(0x10001000))
        .intoArray(w, o + 7 * Matrix.ROW_BLOCK);
  }

  /**
   * Four columns of bytes of 0..255 as floats of -128..127.
   *
   * @param q address of an int for each row
   * @param o index of the first row's first weight; the next columns' lie {@link Matrix#ROW_BLOCK}
   *     further on
   */
  static void floats(long q, float[] w, int o) {
    IntVector v = IntVector.fromMemorySegment(I, MEMORY, q, LITTLE_ENDIAN);
    ((FloatVector) v.and(0xff).sub(128).convertShape(I2F, F, 0)).intoArray(w, o);
    ((FloatVector) v.lanewise(LSHR, 16).and(0xff).sub(128).convertShape(I2F, F, 0))
        .intoArray(w, o + 2 * Matrix.ROW_BLOCK);
    ((FloatVector) v.lanewise(LSHR, 8).and(0xff).sub(128).convertShape(I2F, F, 0))
        .intoArray(w, o + Matrix.ROW_BLOCK);
    ((FloatVector) v.lanewise(LSHR, 24).sub(128).convertShape(I2F, F, 0))
        .intoArray(w, o + 3 * Matrix.ROW_BLOCK);
  }

  /**
   * Half of {@link MatMulScratch#bytes} as {@link MatMulScratch#pairs}: with sixteen registers a
   * kernel does that once for all tokens, not for each four of them.
   *
   * @param blocks of 32 columns
   * @param half which vector of rows, 0 or 1
   */
  static void pairs(MatMulScratch scratch, int blocks, int half) {
    if (!VectorShape.MANY_REGISTERS) {
      pairs(scratch.bytes, scratch.pairs, 8 * blocks, half * VectorShape.LANES);
    }
  }

  private static void pairs(int[] bytes, int[] pairs, int ints, int o) {
    IntVector low = IntVector.broadcast(I, 0x00ff00ff);
    for (int m = 0; m < ints; m++) {
      IntVector q = IntVector.fromArray(I, bytes, o + m * Matrix.ROW_BLOCK);
      int to = o + (4 * (m >> 1) + (m & 1)) * Matrix.ROW_BLOCK;
      q.and(low).intoArray(pairs, to);
      q.lanewise(LSHR, 8).and(low).intoArray(pairs, to + 2 * Matrix.ROW_BLOCK);
    }
  }
}
