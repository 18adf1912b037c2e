package io.calidrop.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Row 2 of the cases: files as they are. */
class Utf8Test {
  private static final String MARK = "\ufeff";

  @TempDir private Path directory;

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static List<String> lines(byte[] bytes) throws IOException {
    List<String> all = new ArrayList<>();
    try (Utf8Lines lines = new Utf8Lines(new ByteArrayInputStream(bytes), "in")) {
      for (String line = lines.next(); line != null; line = lines.next()) {
        all.add(line);
      }
    }
    return all;
  }

  @Test
  void aMarkIsNoPartOfTheText() throws IOException {
    assertThat(Utf8.decode(bytes(MARK + "é\r\n"), "in")).isEqualTo("é\r\n");
    assertThat(Utf8.decode(bytes(MARK), "in")).isEmpty();
    assertThat(Utf8.decode(bytes("a" + MARK), "in")).isEqualTo("a" + MARK);
    assertThat(lines(bytes(MARK + "a\r\n\r\n" + MARK + "b\rc\nd")))
        .containsExactly("a", "", MARK + "b\rc", "d");
    assertThat(lines(bytes(MARK))).containsExactly("");
    assertThat(lines(new byte[0])).isEmpty();
  }

  @Test
  void linesKnowWhereTheyAre() throws IOException {
    byte[] text = bytes(MARK + "ä\r\nb\n");
    try (Utf8Lines lines = new Utf8Lines(new ByteArrayInputStream(text), "in")) {
      assertThat(lines.nextBytes()).isEqualTo(bytes("ä"));
      assertThat(lines.offset()).isEqualTo(3);
      assertThat(lines.nextBytes()).isEqualTo(bytes("b"));
      assertThat(lines.offset()).isEqualTo(7);
      assertThat(lines.nextBytes()).isNull();
    }
  }

  @Test
  void whatIsNoUtf8IsNamedWithItsByte() throws IOException {
    Path file = directory.resolve("latin-1.txt");
    Files.write(file, "café au lait\n".getBytes(StandardCharsets.ISO_8859_1));
    assertThatThrownBy(() -> Utf8.read(file))
        .isInstanceOf(IOException.class)
        .hasMessage(file + " is no UTF-8 text (byte 4)");
    assertThatThrownBy(() -> lines("é\r\nab\nxé".getBytes(StandardCharsets.ISO_8859_1)))
        .hasMessage("in is no UTF-8 text (byte 1)");
    byte[] late = bytes(MARK + "é\r\nab\nx?");
    late[late.length - 1] = (byte) 0xc3; // a character that ends early
    assertThatThrownBy(() -> lines(late)).hasMessage("in is no UTF-8 text (byte 12)");
    assertThatThrownBy(() -> Utf8.decode(late, "in")).hasMessage("in is no UTF-8 text (byte 12)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"UTF-16LE", "UTF-16BE", "UTF-32LE"})
  void otherEncodingsWithAMarkAreNamed(String encoding) {
    byte[] text = (MARK + "Hi\n").getBytes(Charset.forName(encoding));
    assertThatThrownBy(() -> Utf8.decode(text, "in"))
        .hasMessage("in is a text in UTF-16 or UTF-32: save it as UTF-8");
    assertThatThrownBy(() -> lines(text)).hasMessageContaining("save it as UTF-8");
  }

  @Test
  void aFolderIsNoFile() {
    assertThatThrownBy(() -> Utf8.read(directory))
        .hasMessage(directory + " is a folder, not a file");
    assertThatThrownBy(() -> new Utf8Lines(directory).close()).hasMessageContaining("is a folder");
  }
}
