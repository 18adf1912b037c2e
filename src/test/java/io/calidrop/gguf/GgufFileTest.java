package io.calidrop.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class GgufFileTest {
  @TempDir private Path directory;

  /** A file with every metadata type and two tensors. */
  private static GgufBytes valid(int version) {
    GgufBytes file = GgufBytes.header(version, 2, 16);
    file.key("u8", 0).int8(200).key("i8", 1).int8(-3);
    file.key("u16", 2).int16(60_000).key("i16", 3).int16(-5);
    file.key("u32", 4).int32(-1).key("i32", 5).int32(-7);
    file.key("f32", 6).float32(1.5f).key("bool", 7).int8(1);
    file.text("string", "zwölf");
    file.key("strings", 9).int32(8).int64(2).string("a").string("");
    file.key("ints", 9).int32(5).int64(3).int32(1).int32(-2).int32(3);
    file.key("nested", 9).int32(9).int64(1).int32(0).int64(2).int8(1).int8(2);
    file.key("u64", 10).int64(1L << 40).key("i64", 11).int64(-9);
    file.key("f64", 12).int64(Double.doubleToLongBits(0.25));
    file.number("general.alignment", 64);
    file.tensor("first", 0, 0, 3, 2).tensor("second", 8, 64, 32, 2);
    return file.align(64).zeros(24).zeros(40).zeros(68);
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void readsEveryMetadataTypeAndTheTensors(int version) throws IOException {
    try (GgufFile file = GgufFile.open(valid(version).write(directory.resolve("valid.gguf")))) {
      Metadata metadata = file.metadata();
      assertThat(file.version()).isEqualTo(version);
      assertThat(metadata.int32("u8")).isEqualTo(200);
      assertThat(metadata.int32("i8")).isEqualTo(-3);
      assertThat(metadata.int32("u16")).isEqualTo(60_000);
      assertThat(metadata.int32("i16")).isEqualTo(-5);
      assertThat(metadata.int32("i32")).isEqualTo(-7);
      assertThat(metadata.int32("i64")).isEqualTo(-9);
      assertThat(metadata.float32("f32")).isEqualTo(1.5f);
      assertThat(metadata.float32("f64")).isEqualTo(0.25f);
      assertThat(metadata.bool("bool", false)).isTrue();
      assertThat(metadata.string("string")).isEqualTo("zwölf");
      assertThat(metadata.strings("strings")).containsExactly("a", "");
      assertThat(metadata.findInts("ints").orElseThrow()).containsExactly(1, -2, 3);
      assertThat(metadata.value("u64").orElseThrow().value()).isEqualTo(1L << 40);
      assertThat(metadata.value("u32").orElseThrow().value()).isEqualTo(0xffff_ffffL);
      assertThat(metadata.keys()).startsWith("u8", "i8").endsWith("general.alignment");
      TensorInfo second = file.tensor("second").orElseThrow();
      assertThat(second.shape()).isEqualTo(List.of(32L, 2L));
      assertThat(second.type()).isEqualTo(GgmlType.Q8_0);
      assertThat(second.offset() % 64).isZero();
      assertThat(file.data(second).byteSize()).isEqualTo(68);
      assertThat(file.data(second).get(ValueLayout.JAVA_BYTE, 67)).isZero();
    }
  }

  @Test
  void gettersNameTheKeyThatIsMissingOrWrong() throws IOException {
    try (GgufFile file = GgufFile.open(valid(3).write(directory.resolve("valid.gguf")))) {
      Metadata metadata = file.metadata();
      assertThatThrownBy(() -> metadata.string("absent"))
          .isInstanceOf(ModelFormatException.class)
          .hasMessageEndingWith("lacks the metadata key absent (a string)");
      assertThatThrownBy(() -> metadata.string("f32"))
          .hasMessageEndingWith("metadata key f32 should be a string but is FLOAT32");
      assertThatThrownBy(() -> metadata.strings("ints"))
          .hasMessageEndingWith("should be an array of strings but is ARRAY of INT32");
      assertThatThrownBy(() -> metadata.int32("u64"))
          .hasMessageEndingWith("metadata key u64 has the impossible value 1099511627776");
    }
  }

  @Test
  void refusesEveryTruncation() throws IOException {
    byte[] bytes = valid(3).bytes();
    for (int length = 0; length < bytes.length; length++) {
      expectOneLine(Arrays.copyOf(bytes, length));
    }
  }

  @Test
  void damagedFilesFailInNoOtherWay() throws IOException {
    Random random = new Random(1);
    byte[] bytes = valid(3).bytes();
    for (int round = 0; round < 3_000; round++) {
      byte[] damaged = bytes.clone();
      for (int i = 0; i <= random.nextInt(4); i++) {
        damaged[random.nextInt(damaged.length)] = (byte) random.nextInt(256);
      }
      Path file = Files.write(directory.resolve("damaged.gguf"), damaged);
      try (GgufFile opened = GgufFile.open(file)) {
        opened.tensors().forEach(opened::data);
      } catch (ModelFormatException e) {
        assertThat(e.getMessage()).doesNotContain("\n").hasSizeLessThan(500);
      }
    }
  }

  static Stream<Arguments> hostile() {
    return Stream.of(
        arguments("claims 9223372036854775808 tensors", GgufBytes.header(3, Long.MIN_VALUE, 0)),
        arguments("claims 18446744073709551615 metadata", GgufBytes.header(3, 0, -1)),
        arguments("claims 1099511627776 metadata", GgufBytes.header(3, 0, 1L << 40)),
        arguments("GGUF version 1;", GgufBytes.header(1, 0, 0)),
        arguments("GGUF version 4;", GgufBytes.header(4, 0, 0)),
        arguments("big-endian", GgufBytes.header(Integer.reverseBytes(3), 0, 0)),
        arguments(
            "key claims to be 4611686018427387904 bytes",
            GgufBytes.header(3, 0, 1).int64(1L << 62).zeros(32)),
        arguments("unknown type 13", GgufBytes.header(3, 0, 1).key("k", 13).zeros(16)),
        arguments(
            "claims 4611686018427387904 elements",
            GgufBytes.header(3, 0, 1).key("k", 9).int32(5).int64(1L << 62).zeros(16)),
        arguments(
            "nests arrays too deeply", nested(GgufBytes.header(3, 0, 1).key("k", 9), 12).zeros(16)),
        arguments("neither 0 nor 1", GgufBytes.header(3, 0, 1).key("k", 7).int8(2).zeros(16)),
        arguments("occurs twice", GgufBytes.header(3, 0, 2).number("k", 1).number("k", 2)),
        arguments("not a power of two", GgufBytes.header(3, 0, 1).number("general.alignment", 48)),
        arguments("one part of a split model", GgufBytes.header(3, 0, 1).number("split.count", 2)),
        arguments("has 5 dimensions", tensor(0, 0, 1, 1, 1, 1, 1)),
        arguments("has 0 dimensions", tensor(0, 0)),
        arguments("a dimension of 18446744073709551615", tensor(0, 0, -1)),
        arguments("a dimension of 4294967296", tensor(0, 0, 1, 1L << 32)),
        arguments("unknown type 99", tensor(99, 0, 1)),
        arguments("not whole Q4_0 blocks", tensor(2, 0, 33)),
        arguments("no multiple of the alignment", tensor(0, 7, 1)),
        arguments("lies beyond the end", tensor(0, 1 << 20, 8)),
        arguments("lies beyond the end", tensor(0, 0x7fff_ffff_ffff_ffe0L, 8)),
        arguments(
            "occurs twice",
            GgufBytes.header(3, 2, 0).tensor("t", 0, 0, 1).tensor("t", 0, 0, 1).zeros(64)));
  }

  private static GgufBytes tensor(int type, long offset, long... shape) {
    return GgufBytes.header(3, 1, 0).tensor("t", type, offset, shape).zeros(64);
  }

  private static GgufBytes nested(GgufBytes file, int depth) {
    for (int i = 0; i < depth; i++) {
      file.int32(9).int64(1);
    }
    return file;
  }

  @ParameterizedTest
  @MethodSource("hostile")
  void refusesWithOneLineThatNamesTheCause(String cause, GgufBytes file) throws IOException {
    assertThat(expectOneLine(file.bytes())).contains(cause);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"<html>", "version https://git-lfs.github.com/spec/v1\n", "PK\3\4zip!", "x"})
  void refusesOtherFiles(String content) throws IOException {
    String message = expectOneLine(content.getBytes(StandardCharsets.UTF_8));
    assertThat(message).contains("not a GGUF file");
  }

  @Test
  void refusesWhatIsNoFile() {
    assertThatThrownBy(() -> GgufFile.open(directory))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("is a directory");
    assertThatThrownBy(() -> GgufFile.open(directory.resolve("absent.gguf")))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("does not exist");
  }

  private String expectOneLine(byte[] bytes) throws IOException {
    Path file = Files.write(directory.resolve("bad.gguf"), bytes);
    String[] message = new String[1];
    assertThatThrownBy(() -> GgufFile.open(file).close())
        .as("%d bytes", bytes.length)
        .isInstanceOfSatisfying(ModelFormatException.class, e -> message[0] = e.getMessage());
    assertThat(message[0]).startsWith(file.toString()).doesNotContain("\n");
    return message[0];
  }
}
