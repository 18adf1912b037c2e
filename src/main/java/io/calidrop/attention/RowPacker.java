package io.calidrop.attention;

import static io.calidrop.attention.Hadamard.PARTNER_1;
import static io.calidrop.attention.Hadamard.PARTNER_2;
import static io.calidrop.attention.KvHead.QUAD;
import static io.calidrop.attention.QuadDots.HAVE_1;
import static io.calidrop.attention.QuadDots.HAVE_2;
import static io.calidrop.tensor.VectorMath.ROUND;
import static io.calidrop.tensor.VectorMath.ROUND_BITS;
import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static io.calidrop.tensor.VectorShape.PARTIALS;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.MAX;
import static jdk.incubator.vector.VectorOperators.XOR;

import io.calidrop.tensor.Half;
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

  private short[] halves = {}; // [groups][4] scales to try
  private float[] trials = {}; // the same in single precision
  private float[] errors = {}; // the same, and room for a vector

  /** [groups][GROUP] the codes of a row, 0 beyond its dimensions. */
  int[] codes = {};

  /** [groups][GROUP], and room for a vector: the same for who makes bytes of them. */
  byte[] bytes = {};

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
      bytes = new byte[padded + VectorShape.BYTES];
      scales = new short[padded / GROUP];
      halves = new short[scales.length * QUAD];
      trials = new float[halves.length];
      errors = new float[scales.length * PARTIALS];
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

  /** Takes each step for all groups: what they wait for overlaps. */
  private void round(int padded, int bits) {
    int groups = padded / GROUP;
    for (int g = 0; g < groups; g++) {
      float scale = extreme(x, g * GROUP) / lowest(bits);
      for (int i = g * QUAD; i < (g + 1) * QUAD; i++) {
        halves[i] = Float.floatToFloat16(scale * TRIALS[i % QUAD]);
        trials[i] = Half.single(halves[i]);
      }
    }
    for (int g = 0; g < groups; g++) {
      scales[g] = halves[g * QUAD];
      if (bits < Byte.SIZE) { // the others would gain little
        errors(x, g * GROUP, trials, lowest(bits), errors);
        scales[g] = best(errors, halves, g);
      }
    }
    for (int g = 0; g < groups; g++) {
      round(x, g * GROUP, Half.single(scales[g]), lowest(bits), codes);
    }
  }

  private static int lowest(int bits) {
    return -1 << (bits - 1);
  }

  /** The first of four scales with the least error. */
  private static short best(float[] errors, short[] halves, int group) {
    short best = halves[group * QUAD];
    float least = Float.POSITIVE_INFINITY;
    for (int i = 0; i < QUAD; i++) {
      int at = group * PARTIALS + i;
      float error =
          errors[at] + errors[at + QUAD] + (errors[at + 2 * QUAD] + errors[at + 3 * QUAD]);
      best = error < least ? halves[group * QUAD + i] : best;
      least = error < least ? error : least;
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

  /**
   * Squared errors of a group with four scales.
   *
   * @param out [groups][PARTIALS / 4][4] gets parts of them
   */
  private static void errors(float[] x, int from, float[] scales, int lowest, float[] out) {
    int at = from / GROUP * QUAD;
    float scale0 = scales[at];
    float scale1 = scales[at + 1];
    float scale2 = scales[at + 2];
    float scale3 = scales[at + 3];
    float inverse0 = inverse(scale0);
    float inverse1 = inverse(scale1);
    float inverse2 = inverse(scale2);
    float inverse3 = inverse(scale3);
    int least = ROUND_BITS + lowest;
    int most = ROUND_BITS - 1 - lowest;
    for (int partial = 0; partial < PARTIALS; partial += LANES) {
      FloatVector sum0 = FloatVector.zero(F);
      FloatVector sum1 = sum0;
      FloatVector sum2 = sum0;
      FloatVector sum3 = sum0;
      for (int i = from + partial; i < from + GROUP; i += PARTIALS) {
        FloatVector v = FloatVector.fromArray(F, x, i);
        IntVector code = (IntVector) v.mul(inverse0).add(ROUND).reinterpretShape(I, 0);
        code = code.max(least).min(most);
        FloatVector lost =
            v.sub(((FloatVector) code.reinterpretShape(F, 0)).sub(ROUND).mul(scale0));
        sum0 = lost.fma(lost, sum0);
        code = (IntVector) v.mul(inverse1).add(ROUND).reinterpretShape(I, 0);
        code = code.max(least).min(most);
        lost = v.sub(((FloatVector) code.reinterpretShape(F, 0)).sub(ROUND).mul(scale1));
        sum1 = lost.fma(lost, sum1);
        code = (IntVector) v.mul(inverse2).add(ROUND).reinterpretShape(I, 0);
        code = code.max(least).min(most);
        lost = v.sub(((FloatVector) code.reinterpretShape(F, 0)).sub(ROUND).mul(scale2));
        sum2 = lost.fma(lost, sum2);
        code = (IntVector) v.mul(inverse3).add(ROUND).reinterpretShape(I, 0);
        code = code.max(least).min(most);
        lost = v.sub(((FloatVector) code.reinterpretShape(F, 0)).sub(ROUND).mul(scale3));
        sum3 = lost.fma(lost, sum3);
      }
      // Sums of neighbours, then of neighbours of these: lane l comes to be of scale l % 4.
      FloatVector even =
          sum0.blend(sum1, HAVE_1).add(sum1.blend(sum0, HAVE_1).rearrange(PARTNER_1));
      FloatVector odd = sum2.blend(sum3, HAVE_1).add(sum3.blend(sum2, HAVE_1).rearrange(PARTNER_1));
      even.blend(odd, HAVE_2)
          .add(odd.blend(even, HAVE_2).rearrange(PARTNER_2))
          .intoArray(out, from / GROUP * PARTIALS + partial);
    }
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
