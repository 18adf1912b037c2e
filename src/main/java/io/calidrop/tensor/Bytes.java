package io.calidrop.tensor;

import static io.calidrop.tensor.OffHeap.MEMORY;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHR;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/** Unpacks weights that are bytes. */
final class Bytes {
  private Bytes() {}

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
}
