package io.calidrop.attention;

import static io.calidrop.tensor.VectorMath.ROUND;
import static io.calidrop.tensor.VectorMath.ROUND_BITS;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.MAX;
import static jdk.incubator.vector.VectorOperators.XOR;

import io.calidrop.tensor.Half;
import io.calidrop.tensor.VectorMath;
import io.calidrop.tensor.VectorShape;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * Rounds a row to few bits: after its rotation each 32 dimensions become whole numbers with a scale
 * in half precision between them. The number of the largest magnitude becomes the one code without
 * an opposite, which uses all of the range, or lies a little beyond: of a few scales the one with
 * the least squared error is taken. Each thread has a packer of its own.
 */
final class RowPacker {
  /** Dimensions that share a scale. */
  static final int GROUP = 32;

  private static final ThreadLocal<RowPacker> OF_THREAD = ThreadLocal.withInitial(RowPacker::new);

  /** Scales to try, relative to the one that makes the largest number the lowest code. */
  private static final float[] TRIALS = {1, 1.06f, 0.94f, 0.88f};

  private static final int SIGN = 1 << 31;

  /** More than a scale may be of a row whose own is rounded to 0. */
  private static final float SMALLEST = 0x1p-22f;

  private float[] x = {}; // [groups][GROUP]

  /** [groups][GROUP] the codes of a row, 0 beyond its dimensions. */
  int[] codes = {};

  /** [groups] its scales, half-precision numbers. */
  short[] scales = {};

  private RowPacker() {}

  static RowPacker ofThread() {
    return OF_THREAD.get();
  }

  /**
   * Makes codes of {@code bits} bits and scales of the row {@code row[offset, offset + length)}.
   */
  void pack(float[] row, int offset, int length, Hadamard rotation, int bits) {
    int padded = VectorShape.roundUp(length, GROUP);
    if (x.length < padded) {
      x = new float[padded];
      codes = new int[padded];
      scales = new short[padded / GROUP];
    }
    System.arraycopy(row, offset, x, 0, length);
    Arrays.fill(x, length, padded, 0f);
    rotation.apply(x, 0, length);
    round(padded, bits);
  }

  /**
   * Makes codes of {@code bits} bits and scales of what the last row, of {@code length} numbers,
   * lost in its own.
   */
  void packRest(int length, int bits) {
    int padded = VectorShape.roundUp(length, GROUP);
    for (int i = 0; i < padded; i += LANES) {
      FloatVector code = (FloatVector) IntVector.fromArray(I, codes, i).convertShape(I2F, F, 0);
      FloatVector kept = code.mul(Half.single(scales[i / GROUP]));
      FloatVector.fromArray(F, x, i).sub(kept).intoArray(x, i);
    }
    round(padded, bits);
  }

  /**
   * Whether a scale may be that of what rounding with another took. It takes half of that, or where
   * it cuts the range off up to 3.2 times, an eighth of which is the rest's scale.
   */
  static boolean isRest(float scale, float rounded) {
    return Math.abs(scale) <= Math.abs(rounded) + SMALLEST;
  }

  private void round(int padded, int bits) {
    for (int g = 0; g * GROUP < padded; g++) {
      scales[g] = scale(g * GROUP, bits);
      round(x, g * GROUP, Half.single(scales[g]), lowest(bits), codes);
    }
  }

  private static int lowest(int bits) {
    return -1 << (bits - 1);
  }

  private short scale(int from, int bits) {
    float scale = extreme(x, from) / lowest(bits);
    short best = Float.floatToFloat16(scale);
    if (bits == Byte.SIZE) {
      return best; // the others gain little
    }
    float least = Float.POSITIVE_INFINITY;
    for (float trial : TRIALS) {
      short half = Float.floatToFloat16(scale * trial);
      float error = error(x, from, Half.single(half), lowest(bits));
      if (error < least) {
        least = error;
        best = half;
      }
    }
    return best;
  }

  /**
   * The number of the largest magnitude, of two alike the negative one. Bits of numbers from 0 on
   * are in the numbers' order, and C2's maximum of ints is one instruction where that of floats is
   * six.
   */
  private static float extreme(float[] x, int from) {
    IntVector most = IntVector.broadcast(I, Integer.MIN_VALUE);
    IntVector least = most;
    for (int i = from; i < from + GROUP; i += LANES) {
      IntVector bits = (IntVector) FloatVector.fromArray(F, x, i).reinterpretShape(I, 0);
      most = bits.max(most);
      least = bits.lanewise(XOR, SIGN).max(least);
    }
    int max = most.reduceLanes(MAX);
    int min = least.reduceLanes(MAX);
    return max > min ? Float.intBitsToFloat(max) : -Float.intBitsToFloat(min);
  }

  private static float error(float[] x, int from, float scale, int lowest) {
    float inverse = inverse(scale);
    FloatVector sum = FloatVector.zero(F);
    for (int i = from; i < from + GROUP; i += LANES) {
      FloatVector v = FloatVector.fromArray(F, x, i);
      IntVector code = (IntVector) v.mul(inverse).add(ROUND).reinterpretShape(I, 0);
      code = code.max(ROUND_BITS + lowest).min(ROUND_BITS - 1 - lowest);
      FloatVector whole = ((FloatVector) code.reinterpretShape(F, 0)).sub(ROUND);
      FloatVector difference = v.sub(whole.mul(scale));
      sum = difference.fma(difference, sum);
    }
    return VectorMath.sum(sum);
  }

  /** Writes whole numbers from {@code lowest} on: those in the last bits of a sum with ROUND. */
  private static void round(float[] x, int from, float scale, int lowest, int[] codes) {
    float inverse = inverse(scale);
    for (int i = from; i < from + GROUP; i += LANES) {
      FloatVector v = FloatVector.fromArray(F, x, i);
      IntVector code = (IntVector) v.mul(inverse).add(ROUND).reinterpretShape(I, 0);
      code = code.max(ROUND_BITS + lowest).min(ROUND_BITS - 1 - lowest);
      code.sub(ROUND_BITS).intoArray(codes, i);
    }
  }

  private static float inverse(float scale) {
    return scale == 0 ? 0 : 1 / scale;
  }
}
