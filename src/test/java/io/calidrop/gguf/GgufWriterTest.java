package io.calidrop.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufWriterTest {
  @TempDir private Path directory;

  @Test
  void whatIsWrittenIsReadBack() throws IOException {
    Path path = directory.resolve("written.gguf");
    new GgufWriter()
        .put("text", "grüße")
        .put("number", 7)
        .put("negative", -7)
        .put("real", 0.5f)
        .put("flag", true)
        .put("words", List.of("a", "b"))
        .put("numbers", List.of(1, -2))
        .tensor("one", GgmlType.F32, out -> out.write(new byte[] {0, 0, 0, 1}), 1)
        .tensor("two", GgmlType.Q8_0, out -> out.write(new byte[68]), 32, 2)
        .write(path);
    try (GgufFile file = GgufFile.open(path)) {
      Metadata metadata = file.metadata();
      assertThat(metadata.string("text")).isEqualTo("grüße");
      assertThat(metadata.int32("number")).isEqualTo(7);
      assertThat(metadata.value("number").orElseThrow().type()).isEqualTo(MetadataType.UINT32);
      assertThat(metadata.int32("negative")).isEqualTo(-7);
      assertThat(metadata.float32("real")).isEqualTo(0.5f);
      assertThat(metadata.bool("flag", false)).isTrue();
      assertThat(metadata.strings("words")).containsExactly("a", "b");
      assertThat(metadata.findInts("numbers").orElseThrow()).containsExactly(1, -2);
      TensorInfo one = file.tensor("one").orElseThrow();
      assertThat(file.data(one).toArray(ValueLayout.JAVA_BYTE)).containsExactly(0, 0, 0, 1);
      assertThat(file.tensor("two").orElseThrow().shape()).containsExactly(32L, 2L);
    }
  }

  @Test
  void refusesDataThatDoesNotFillTheTensor() {
    GgufWriter writer =
        new GgufWriter().tensor("t", GgmlType.F32, out -> out.write(new byte[7]), 2);
    assertThatThrownBy(() -> writer.write(directory.resolve("short.gguf")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("tensor t: 7 bytes written, its shape takes 8");
  }
}
