package io.calidrop.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.TestData;
import io.calidrop.gguf.GgmlType;
import io.calidrop.gguf.GgufFile;
import io.calidrop.gguf.TensorInfo;
import java.util.EnumMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Tensors of one model, quantised by llama.cpp, lie near those of its float32 file. */
class WeightFormatReferenceTest {

  /** Largest root mean square error of a tensor, relative to its root mean square. */
  private static final Map<GgmlType, Double> BOUNDS = new EnumMap<>(GgmlType.class);

  static {
    BOUNDS.put(GgmlType.F32, 0.0);
    BOUNDS.put(GgmlType.F16, 3e-4);
    BOUNDS.put(GgmlType.BF16, 2.5e-3);
    BOUNDS.put(GgmlType.Q8_0, 8e-3);
    BOUNDS.put(GgmlType.Q6_K, 0.03);
    BOUNDS.put(GgmlType.Q5_0, 0.06);
    BOUNDS.put(GgmlType.Q5_1, 0.06);
    BOUNDS.put(GgmlType.Q5_K, 0.06);
    BOUNDS.put(GgmlType.Q4_0, 0.12);
    BOUNDS.put(GgmlType.Q4_1, 0.12);
    BOUNDS.put(GgmlType.Q4_K, 0.12);
    BOUNDS.put(GgmlType.IQ4_NL, 0.12);
    BOUNDS.put(GgmlType.IQ4_XS, 0.12);
    BOUNDS.put(GgmlType.Q3_K, 0.25);
    BOUNDS.put(GgmlType.Q2_K, 0.4);
  }

  static Stream<String> names() {
    TestData.shared("reference/micro/f32.gguf");
    return Stream.of(
        "f16", "bf16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q2_k", "q3_k_s", "q3_k_m", "q4_k_s",
        "q4_k_m", "q5_k_s", "q5_k_m", "q6_k", "iq4_nl", "iq4_xs");
  }

  @ParameterizedTest
  @MethodSource("names")
  void tensorsAreNearTheFloat32Ones(String name) {
    try (GgufFile exact = GgufFile.open(TestData.shared("reference/micro/f32.gguf"));
        GgufFile file = GgufFile.open(TestData.shared("reference/micro/" + name + ".gguf"))) {
      assertThat(file.tensors()).isNotEmpty();
      for (TensorInfo tensor : file.tensors()) {
        float[] expected = dequantize(exact, exact.tensor(tensor.name()).orElseThrow());
        assertThat(relativeError(dequantize(file, tensor), expected))
            .as("%s of %s", tensor.name(), tensor.type())
            .isLessThanOrEqualTo(BOUNDS.get(tensor.type()));
      }
    }
  }

  private static float[] dequantize(GgufFile file, TensorInfo tensor) {
    float[] values = new float[Math.toIntExact(tensor.elements())];
    WeightFormat.of(tensor.type())
        .orElseThrow()
        .dequantizeRow(file.data(tensor), 0, values, 0, values.length);
    return values;
  }

  private static double relativeError(float[] actual, float[] expected) {
    double error = 0;
    double square = 0;
    for (int i = 0; i < actual.length; i++) {
      error += Math.pow((double) actual[i] - expected[i], 2);
      square += Math.pow(expected[i], 2);
    }
    return Math.sqrt(error / square);
  }
}
