package io.calidrop.tensor;

import static io.calidrop.tensor.OffHeap.MEMORY;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.LSHL;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Half-precision numbers, two to an int, decoded without a change of vector shape: sign, exponent
 * and mantissa are shifted to their places in a float32, which leaves a number too small by the
 * difference of the exponents' biases; a multiplication by that power of two is exact. Subnormal
 * numbers come out right, infinities and NaN do not (no weight is one).
 */
public final class Half {
  /** What a number is too small by when it is decoded without the multiplication. */
  public static final float BIAS = 0x1p112f;

  /** Of a number whose exponent and mantissa were shifted to their places, what belongs to it. */
  public static final int SIGN_EXPONENT_MANTISSA = 0x8fffe000;

  private Half() {}

  /** One number, as the vectors decode it: what is an infinity or NaN comes out finite. */
  public static float single(short bits) {
    return Float.intBitsToFloat(bits << 16 >> 3 & SIGN_EXPONENT_MANTISSA) * BIAS;
  }

  /** The numbers in the low halves. */
  public static FloatVector low(IntVector pairs) {
    return scaledLow(pairs).mul(BIAS);
  }

  /** The numbers in the high halves. */
  public static FloatVector high(IntVector pairs) {
    return scaledHigh(pairs).mul(BIAS);
  }

  /** The numbers in the low halves, divided by {@link #BIAS}. */
  public static FloatVector scaledLow(IntVector pairs) {
    return (FloatVector)
        pairs
            .lanewise(LSHL, 16)
            .lanewise(ASHR, 3)
            .and(SIGN_EXPONENT_MANTISSA)
            .reinterpretShape(F, 0);
  }

  /** The numbers in the high halves, divided by {@link #BIAS}. */
  public static FloatVector scaledHigh(IntVector pairs) {
    return (FloatVector) pairs.lanewise(ASHR, 3).and(SIGN_EXPONENT_MANTISSA).reinterpretShape(F, 0);
  }

  /**
   * Unpacks a vector of ints of a scale (low) and a minimum (high).
   *
   * @param o index of the first row's scale and minimum
   */
  static void unpack(long address, MatMulScratch scratch, int o) {
    IntVector pairs = IntVector.fromMemorySegment(I, MEMORY, address, LITTLE_ENDIAN);
    ((FloatVector)
            pairs
                .lanewise(LSHL, 16)
                .lanewise(ASHR, 3)
                .and(SIGN_EXPONENT_MANTISSA)
                .reinterpretShape(F, 0))
        .mul(BIAS)
        .intoArray(scratch.scales, o);
    ((FloatVector) pairs.lanewise(ASHR, 3).and(SIGN_EXPONENT_MANTISSA).reinterpretShape(F, 0))
        .mul(BIAS)
        .intoArray(scratch.minima, o);
  }
}
