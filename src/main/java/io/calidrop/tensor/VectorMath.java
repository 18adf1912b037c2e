package io.calidrop.tensor;

import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.I;
import static io.calidrop.tensor.VectorShape.LANES;
import static io.calidrop.tensor.VectorShape.PARTIALS;
import static jdk.incubator.vector.VectorOperators.GE;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LT;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;

/**
 * Elementwise functions and reductions of the forward pass, each with one fixed order of
 * operations.
 */
public final class VectorMath {
  private static final float LOG2_E = 1.44269504f;
  private static final float LN2_HIGH = 0.693359375f;
  private static final float LN2_LOW = -2.12194440e-4f;

  /** {@code 2 sqrt(2 / pi)}. */
  private static final float GELU_FACTOR = 1.59576912f;

  private static final float GELU_CUBIC = 0.044715f;

  /** Where GELU is its argument. */
  private static final float GELU_LINEAR = 10f;

  /** A float times it, less that less the float, is the float's first 11 bits (T. J. Dekker). */
  private static final float HALF_SPLIT = 0x1p13f + 1;

  /** Adding and subtracting it rounds a float below 2^22 to the nearest integer, ties to even. */
  public static final float ROUND = 0x1.8p23f;

  /** The bits of {@link #ROUND}: what it was added to is in the last ones of the sum. */
  public static final int ROUND_BITS = Float.floatToRawIntBits(ROUND);

  private static final VectorShuffle<Float> ROTATE_8 = rotation(8);
  private static final VectorShuffle<Float> ROTATE_4 = rotation(4);
  private static final VectorShuffle<Float> ROTATE_2 = rotation(2);
  private static final VectorShuffle<Float> ROTATE_1 = rotation(1);

  private VectorMath() {}

  private static VectorShuffle<Float> rotation(int lanes) {
    return VectorShuffle.iota(VectorShape.F, lanes % VectorShape.LANES, 1, true);
  }

  /**
   * e^x within 1e-7 relative, for x clamped to [-87, 88]. Its own polynomial and not {@code
   * lanewise(EXP)}: the same bits in the interpreter, in compiled code and at every vector width.
   */
  public static FloatVector exp(FloatVector x) {
    // Of C2's code a choice is two instructions, a maximum six
    FloatVector clamped = x.blend(-87f, x.compare(LT, -87f));
    clamped = clamped.blend(88f, clamped.compare(GT, 88f));
    FloatVector rounded =
        clamped.fma(
            FloatVector.broadcast(VectorShape.F, LOG2_E),
            FloatVector.broadcast(VectorShape.F, ROUND));
    FloatVector n = rounded.sub(ROUND);
    FloatVector r = n.fma(FloatVector.broadcast(VectorShape.F, -LN2_HIGH), clamped);
    r = n.fma(FloatVector.broadcast(VectorShape.F, -LN2_LOW), r);
    FloatVector p = FloatVector.broadcast(VectorShape.F, 1.9875691500e-4f);
    p = p.fma(r, FloatVector.broadcast(VectorShape.F, 1.3981999507e-3f));
    p = p.fma(r, FloatVector.broadcast(VectorShape.F, 8.3334519073e-3f));
    p = p.fma(r, FloatVector.broadcast(VectorShape.F, 4.1665795894e-2f));
    p = p.fma(r, FloatVector.broadcast(VectorShape.F, 1.6666665459e-1f));
    p = p.fma(r, FloatVector.broadcast(VectorShape.F, 5.0000001201e-1f));
    p = p.fma(r.mul(r), r).add(1f);
    // rounded holds n in its lowest mantissa bits: shifted into the exponent it multiplies by 2^n
    IntVector power = ((IntVector) rounded.reinterpretShape(I, 0)).lanewise(LSHL, 23);
    return (FloatVector) ((IntVector) p.reinterpretShape(I, 0)).add(power).reinterpretShape(F, 0);
  }

  /** Scalar {@link #exp(FloatVector)}: the same bits. */
  public static float exp(float x) {
    float clamped = Math.min(Math.max(x, -87f), 88f);
    float rounded = Math.fma(clamped, LOG2_E, ROUND);
    float n = rounded - ROUND;
    float r = Math.fma(n, -LN2_LOW, Math.fma(n, -LN2_HIGH, clamped));
    float p = 1.9875691500e-4f;
    p = Math.fma(p, r, 1.3981999507e-3f);
    p = Math.fma(p, r, 8.3334519073e-3f);
    p = Math.fma(p, r, 4.1665795894e-2f);
    p = Math.fma(p, r, 1.6666665459e-1f);
    p = Math.fma(p, r, 5.0000001201e-1f);
    p = Math.fma(p, r * r, r) + 1f;
    return Float.intBitsToFloat(
        Float.floatToRawIntBits(p) + (Float.floatToRawIntBits(rounded) << 23));
  }

  /**
   * Brings numbers softly below a bound: {@code cap * tanh(x / cap)}, in place and with the same
   * bits in every element as {@link #softCap(float, float)}.
   */
  public static void softCap(float[] x, int offset, int n, float cap) {
    int bound = VectorShape.F.loopBound(n);
    for (int i = offset; i < offset + bound; i += VectorShape.LANES) {
      FloatVector power = exp(FloatVector.fromArray(VectorShape.F, x, i).mul(2 / cap));
      power.sub(1f).div(power.add(1f)).mul(cap).intoArray(x, i);
    }
    for (int i = offset + bound; i < offset + n; i++) {
      x[i] = softCap(x[i], cap);
    }
  }

  /** {@code cap * tanh(x / cap)}, within 2e-7 of the cap. */
  public static float softCap(float x, float cap) {
    float power = exp(x * (2 / cap));
    return (power - 1) / (power + 1) * cap;
  }

  /**
   * Root-mean-square normalisation (arXiv 1910.07467): {@code out = x / sqrt(mean(x^2) + epsilon) *
   * weight}.
   *
   * @param x holds the row [weight.length] at {@code offset}
   * @param out [weight.length] at {@code outOffset}, not over x
   */
  public static void rmsNorm(
      float[] x, int offset, float[] weight, float epsilon, float[] out, int outOffset) {
    int n = weight.length;
    int lanes = VectorShape.LANES;
    int bound = n - n % PARTIALS;
    float sum = 0;
    if (bound > 0) {
      for (int partial = 0; partial < PARTIALS; partial += lanes) {
        FloatVector squares = FloatVector.zero(VectorShape.F);
        for (int i = partial; i < bound; i += PARTIALS) {
          FloatVector v = FloatVector.fromArray(VectorShape.F, x, offset + i);
          squares = v.fma(v, squares);
        }
        squares.intoArray(out, outOffset + partial); // which is overwritten below
      }
      for (int partial = 0; partial < PARTIALS; partial++) {
        sum += out[outOffset + partial];
      }
    }
    for (int i = bound; i < n; i++) {
      sum = Math.fma(x[offset + i], x[offset + i], sum);
    }
    float scale = (float) (1 / Math.sqrt(sum / n + epsilon));
    for (int i = 0; i < bound; i += lanes) {
      FloatVector.fromArray(VectorShape.F, x, offset + i)
          .mul(scale)
          .mul(FloatVector.fromArray(VectorShape.F, weight, i))
          .intoArray(out, outOffset + i);
    }
    for (int i = bound; i < n; i++) {
      out[outOffset + i] = x[offset + i] * scale * weight[i];
    }
  }

  /**
   * Sum of {@link VectorShape#PARTIALS} partial sums, those eight apart first, then four, two and
   * one: in the same order in the interpreter and in compiled code.
   *
   * @param x of narrower vectors the sum of those that lie eight and four apart
   */
  public static float sum(FloatVector x) {
    FloatVector sum = x;
    if (VectorShape.LANES > 8) {
      sum = sum.add(sum.rearrange(ROTATE_8));
    }
    if (VectorShape.LANES > 4) {
      sum = sum.add(sum.rearrange(ROTATE_4));
    }
    sum = sum.add(sum.rearrange(ROTATE_2));
    return sum.add(sum.rearrange(ROTATE_1)).lane(0);
  }

  /** Dot product of {@code n} elements. */
  public static float dot(float[] x, int offset, float[] y, int yOffset, int n) {
    int bound = n - n % PARTIALS;
    FloatVector s0 = FloatVector.zero(F);
    FloatVector s1 = s0;
    FloatVector s2 = s0;
    FloatVector s3 = s0;
    for (int i = offset, j = yOffset; i < offset + bound; i += PARTIALS, j += PARTIALS) {
      s0 = FloatVector.fromArray(F, x, i).fma(FloatVector.fromArray(F, y, j), s0);
      if (LANES < PARTIALS) {
        s1 = FloatVector.fromArray(F, x, i + LANES).fma(FloatVector.fromArray(F, y, j + LANES), s1);
      }
      if (LANES < PARTIALS / 2) {
        int o = 2 * LANES;
        s2 = FloatVector.fromArray(F, x, i + o).fma(FloatVector.fromArray(F, y, j + o), s2);
        o = 3 * LANES;
        s3 = FloatVector.fromArray(F, x, i + o).fma(FloatVector.fromArray(F, y, j + o), s3);
      }
    }
    float sum = sum(s0.add(s2).add(s1.add(s3)));
    for (int i = bound; i < n; i++) {
      sum = Math.fma(x[offset + i], y[yOffset + i], sum);
    }
    return sum;
  }

  /** {@code x[offset ..] += y[yOffset ..]} for {@code n} elements. */
  public static void add(float[] x, int offset, float[] y, int yOffset, int n) {
    int bound = VectorShape.F.loopBound(n);
    for (int i = 0; i < bound; i += VectorShape.LANES) {
      FloatVector.fromArray(VectorShape.F, x, offset + i)
          .add(FloatVector.fromArray(VectorShape.F, y, yOffset + i))
          .intoArray(x, offset + i);
    }
    for (int i = bound; i < n; i++) {
      x[offset + i] += y[yOffset + i];
    }
  }

  /** {@code x[offset ..] += factor * y[yOffset ..]} for {@code n} elements. */
  public static void addScaled(float[] x, int offset, float[] y, int yOffset, int n, float factor) {
    FloatVector scale = FloatVector.broadcast(VectorShape.F, factor);
    int bound = VectorShape.F.loopBound(n);
    for (int i = 0; i < bound; i += VectorShape.LANES) {
      FloatVector.fromArray(VectorShape.F, y, yOffset + i)
          .fma(scale, FloatVector.fromArray(VectorShape.F, x, offset + i))
          .intoArray(x, offset + i);
    }
    for (int i = bound; i < n; i++) {
      x[offset + i] = Math.fma(factor, y[yOffset + i], x[offset + i]);
    }
  }

  /** {@code x[offset ..] *= factor} for {@code n} elements. */
  public static void scale(float[] x, int offset, int n, float factor) {
    int bound = VectorShape.F.loopBound(n);
    for (int i = 0; i < bound; i += VectorShape.LANES) {
      FloatVector.fromArray(VectorShape.F, x, offset + i).mul(factor).intoArray(x, offset + i);
    }
    for (int i = bound; i < n; i++) {
      x[offset + i] *= factor;
    }
  }

  /** SwiGLU (arXiv 2002.05202): {@code gate = gate * sigmoid(gate) * up} for {@code n} elements. */
  public static void swiGlu(float[] gate, float[] up, int offset, int n) {
    int bound = VectorShape.F.loopBound(n);
    for (int i = 0; i < bound; i += VectorShape.LANES) {
      FloatVector g = FloatVector.fromArray(VectorShape.F, gate, offset + i);
      FloatVector u = FloatVector.fromArray(VectorShape.F, up, offset + i);
      g.div(exp(g.neg()).add(1f)).mul(u).intoArray(gate, offset + i);
    }
    for (int i = bound; i < n; i++) {
      float g = gate[offset + i];
      gate[offset + i] = g / (exp(-g) + 1f) * up[offset + i];
    }
  }

  /**
   * GeGLU (arXiv 2002.05202) with the tanh approximation of GELU (arXiv 1606.08415): {@code gate =
   * gelu(gate) * up} for {@code n} elements. As {@code (1 + tanh(u)) / 2 = sigmoid(2u)}, this is
   * {@link #swiGlu} with another argument of the sigmoid. Up to {@value #GELU_LINEAR} GELU's
   * argument and value are rounded to the 11 bits of half precision, as in llama.cpp, which looks
   * them up in a table: logits then agree with its to 1e-4 and not to 1e-3 only.
   */
  public static void geGlu(float[] gate, float[] up, int offset, int n) {
    int bound = VectorShape.F.loopBound(n);
    for (int i = 0; i < bound; i += VectorShape.LANES) {
      FloatVector x = FloatVector.fromArray(VectorShape.F, gate, offset + i);
      FloatVector u = FloatVector.fromArray(VectorShape.F, up, offset + i);
      FloatVector split = x.mul(HALF_SPLIT);
      FloatVector g = split.sub(split.sub(x));
      FloatVector cubic = g.mul(g).mul(GELU_CUBIC).add(1f).mul(g).mul(GELU_FACTOR);
      FloatVector y = g.div(exp(cubic.neg()).add(1f));
      split = y.mul(HALF_SPLIT);
      split
          .sub(split.sub(y))
          .blend(x, x.compare(GE, GELU_LINEAR))
          .mul(u)
          .intoArray(gate, offset + i);
    }
    for (int i = bound; i < n; i++) {
      float x = gate[offset + i];
      float g = x * HALF_SPLIT - (x * HALF_SPLIT - x);
      float cubic = (g * g * GELU_CUBIC + 1f) * g * GELU_FACTOR;
      float y = g / (exp(-cubic) + 1f);
      y = y * HALF_SPLIT - (y * HALF_SPLIT - y);
      gate[offset + i] = (x >= GELU_LINEAR ? x : y) * up[offset + i];
    }
  }

  /** Largest absolute value of {@code n} elements, n a multiple of the lanes. */
  static float maxAbs(float[] x, int offset, int n) {
    // Magnitudes are in the order of their bits, and a maximum of floats is six instructions.
    IntVector max = IntVector.zero(I);
    for (int i = 0; i < n; i += VectorShape.LANES) {
      IntVector bits =
          (IntVector) FloatVector.fromArray(VectorShape.F, x, offset + i).reinterpretShape(I, 0);
      max = bits.and(Integer.MAX_VALUE).lanewise(VectorOperators.MAX, max);
    }
    return Float.intBitsToFloat(max.reduceLanes(VectorOperators.MAX));
  }

  /** Sum of the absolute values of {@code n} numbers, n a multiple of the lanes. */
  static int sumAbs(int[] x, int offset, int n) {
    IntVector sum = IntVector.zero(I);
    for (int i = 0; i < n; i += VectorShape.LANES) {
      sum = IntVector.fromArray(I, x, offset + i).abs().add(sum);
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  /**
   * Rounds {@code factor * x} to the nearest integers, ties to even; {@code n} a multiple of the
   * lanes.
   *
   * @param out [n]
   */
  static void round(float[] x, int offset, int n, float factor, int[] out) {
    for (int i = 0; i < n; i += VectorShape.LANES) {
      ((IntVector)
              FloatVector.fromArray(VectorShape.F, x, offset + i)
                  .mul(factor)
                  .add(ROUND)
                  .reinterpretShape(I, 0))
          .sub(ROUND_BITS)
          .intoArray(out, i);
    }
  }
}
