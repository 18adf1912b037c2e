package io.calidrop.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.gguf.GgmlType;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Scalar dequantisation against golden vectors of an independent implementation, see
 * src/test/reference/golden_formats.py.
 */
class WeightFormatGoldenTest {
  private static final float UNTOUCHED = 12345f;

  /** Data in the file's layout and what it stands for. */
  private record Golden(byte[] data, float[] values) {

    static Golden of(GgmlType type) throws IOException {
      String name = "golden/" + type + ".bin";
      try (InputStream in = WeightFormatGoldenTest.class.getResourceAsStream(name)) {
        ByteBuffer file = ByteBuffer.wrap(in.readAllBytes()).order(ByteOrder.LITTLE_ENDIAN);
        float[] values = new float[file.getInt()];
        byte[] data = new byte[(int) type.bytes(values.length)];
        file.get(data);
        file.asFloatBuffer().get(values);
        return new Golden(data, values);
      }
    }
  }

  static List<GgmlType> supported() {
    return WeightFormat.supported();
  }

  @Test
  void supportsEveryReferenceFormat() {
    assertThat(WeightFormat.supported().stream().map(Enum::name))
        .containsExactlyInAnyOrder(
            "F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K",
            "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS");
    assertThat(WeightFormat.of(GgmlType.IQ1_M)).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("supported")
  void equalsTheGoldenVector(GgmlType type) throws IOException {
    Golden golden = Golden.of(type);
    int n = golden.values.length;
    float[] actual = new float[n];

    format(type).dequantizeRow(MemorySegment.ofArray(golden.data), 0, actual, 0, n);

    for (int i = 0; i < n; i++) {
      // adding 0 makes -0 into 0: the sign of a zero is no part of a weight
      assertThat(actual[i] + 0f).as("element %d", i).isEqualTo(golden.values[i] + 0f);
    }
  }

  @ParameterizedTest
  @MethodSource("supported")
  void readsAndWritesOnlyWhatItWasAskedTo(GgmlType type) throws IOException {
    Golden golden = Golden.of(type);
    int block = type.blockSize();
    float[] all = new float[golden.values.length];
    format(type).dequantizeRow(MemorySegment.ofArray(golden.data), 0, all, 0, all.length);
    // an odd address, the last two blocks, no byte beyond
    int offset = golden.data.length - 2 * type.blockBytes();
    byte[] shifted = new byte[2 * type.blockBytes() + 1];
    System.arraycopy(golden.data, offset, shifted, 1, shifted.length - 1);
    float[] out = new float[2 * block + 10];
    Arrays.fill(out, UNTOUCHED);

    format(type).dequantizeRow(MemorySegment.ofArray(shifted), 1, out, 5, 2 * block);

    assertThat(Arrays.copyOfRange(out, 5, 5 + 2 * block))
        .isEqualTo(Arrays.copyOfRange(all, all.length - 2 * block, all.length));
    assertThat(Arrays.copyOf(out, 5)).containsOnly(UNTOUCHED);
    assertThat(Arrays.copyOfRange(out, 5 + 2 * block, out.length)).containsOnly(UNTOUCHED);
  }

  private static WeightFormat format(GgmlType type) {
    return WeightFormat.of(type).orElseThrow();
  }
}
