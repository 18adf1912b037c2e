package io.calidrop.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("kernel")
class VectorMathTest {

  @Test
  void exponentialIsAccurateAndTheSameInEveryForm() {
    float[] x = new float[VectorShape.LANES];
    for (float value = -86; value < 87; value += 0.00317f) {
      x[0] = value;
      float vector = VectorMath.exp(FloatVector.fromArray(VectorShape.F, x, 0)).lane(0);
      assertThat(VectorMath.exp(value)).isEqualTo(vector);
      double exact = Math.exp(value);
      assertThat((double) vector).isCloseTo(exact, within(2e-7 * exact));
    }
    assertThat(VectorMath.exp(0f)).isEqualTo(1f);
    assertThat(VectorMath.exp(Float.NEGATIVE_INFINITY)).isLessThan(2e-38f);
  }

  @Test
  void softCapIsAccurateAndTheSameInEveryForm() {
    float cap = 50;
    float[] x = new float[1003];
    for (int i = 0; i < x.length; i++) {
      x[i] = (i - 500) * 0.5f;
    }
    x[0] = 1e30f;
    x[1] = -1e30f;
    float[] capped = x.clone();
    VectorMath.softCap(capped, 0, x.length, cap);
    for (int i = 0; i < x.length; i++) {
      assertThat(capped[i]).isEqualTo(VectorMath.softCap(x[i], cap));
      assertThat((double) capped[i]).isCloseTo(cap * Math.tanh(x[i] / cap), within(2e-7 * cap));
    }
  }

  @Test
  void halvesAreDecodedExactly() {
    int[] pairs = new int[VectorShape.LANES];
    for (int bits = 0; bits < 1 << 16; bits++) {
      float expected = Float.float16ToFloat((short) bits);
      if (Float.isFinite(expected)) {
        pairs[0] = bits | ~bits << 16;
        IntVector vector = IntVector.fromArray(VectorShape.I, pairs, 0);
        assertThat(Half.low(vector).lane(0)).isEqualTo(expected);
        pairs[0] = bits << 16 | ~bits & 0xffff;
        vector = IntVector.fromArray(VectorShape.I, pairs, 0);
        assertThat(Half.high(vector).lane(0)).isEqualTo(expected);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 16, 31, 64, 100, 576, 1000})
  void elementwiseFunctionsAgreeWithScalarOnes(int n) {
    Random random = new Random(n);
    int offset = 3;
    float[] x = new float[n + 8];
    float[] y = new float[n + 8];
    float[] weight = new float[n];
    for (int i = 0; i < n; i++) {
      x[offset + i] = (float) (5 * random.nextGaussian());
      y[offset + i] = (float) random.nextGaussian();
      weight[i] = (float) random.nextGaussian();
    }
    float[] original = x.clone();

    float[] norm = new float[n + 8];
    VectorMath.rmsNorm(x, offset, weight, 1e-5f, norm, 1);
    double squares = 0;
    for (int i = 0; i < n; i++) {
      squares += (double) x[offset + i] * x[offset + i];
    }
    for (int i = 0; i < n; i++) {
      double expected = x[offset + i] / Math.sqrt(squares / n + 1e-5) * weight[i];
      assertThat((double) norm[1 + i])
          .isCloseTo(expected, within(1e-5 * Math.abs(expected) + 1e-9));
    }
    assertThat(norm[0]).isZero();
    assertThat(norm[n + 1]).isZero();

    VectorMath.add(x, offset, y, offset, n);
    for (int i = 0; i < n; i++) {
      assertThat(x[offset + i]).isEqualTo(original[offset + i] + y[offset + i]);
    }

    float[] gate = original.clone();
    VectorMath.swiGlu(gate, y, offset, n);
    for (int i = 0; i < n; i++) {
      double g = original[offset + i];
      double expected = g / (1 + Math.exp(-g)) * y[offset + i];
      assertThat((double) gate[offset + i])
          .isCloseTo(expected, within(1e-6 * Math.abs(expected) + 1e-12));
    }

    gate = original.clone();
    VectorMath.geGlu(gate, y, offset, n);
    for (int i = 0; i < n; i++) {
      double g = original[offset + i];
      double u = Math.sqrt(2 / Math.PI) * (g + 0.044715 * g * g * g);
      double expected = g * (1 + Math.tanh(u)) / 2 * y[offset + i];
      // its argument and value have 11 bits
      assertThat((double) gate[offset + i])
          .isCloseTo(expected, within(4e-3 * Math.abs(g * y[offset + i]) + 1e-12));
    }
  }
}
