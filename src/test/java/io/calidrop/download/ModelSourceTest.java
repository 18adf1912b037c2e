package io.calidrop.download;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModelSourceTest {
  @ParameterizedTest
  @CsvSource({
    "hf:o/r/m.gguf, https://huggingface.co/o/r/resolve/main/m.gguf, m.gguf",
    "hf:o/r/sub/dir/m.gguf, https://huggingface.co/o/r/resolve/main/sub/dir/m.gguf, m.gguf",
    "hf:o/r/a b.gguf, https://huggingface.co/o/r/resolve/main/a%20b.gguf, a b.gguf",
    "https://example.org/a/m.gguf, https://example.org/a/m.gguf, m.gguf",
    "http://localhost:8080/m.gguf?download=true&x=a/b, "
        + "http://localhost:8080/m.gguf?download=true&x=a/b, m.gguf"
  })
  void parses(String text, String uri, String name) throws ModelStoreException {
    ModelSource source = ModelSource.parse(text, ModelSource.HUGGING_FACE);
    assertThat(source.uri()).hasToString(uri);
    assertThat(source.fileName()).isEqualTo(name);
  }

  @ParameterizedTest
  @ValueSource(strings = {"http://mirror:81/hub", "http://mirror:81/hub/"})
  void looksUpAtAnotherEndpoint(String endpoint) throws ModelStoreException {
    assertThat(ModelSource.parse("hf:o/r/m.gguf", endpoint).uri())
        .hasToString("http://mirror:81/hub/o/r/resolve/main/m.gguf");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "m.gguf",
        "hf:",
        "hf:o/m.gguf",
        "hf:/r/m.gguf",
        "hf:o//m.gguf",
        "hf:o/r/",
        "hf:o/r/.gguf",
        "hf:o/r/m.bin",
        "ftp://example.org/m.gguf",
        "file:///m.gguf",
        "https://example.org",
        "https://example.org/",
        "https://example.org/m.zip",
        "https://example.org/?file=m.gguf",
        "https:m.gguf",
        "https:///m.gguf",
        "https:/m.gguf",
        "https://example.org/a b.gguf"
      })
  void refuses(String text) {
    assertThatThrownBy(() -> ModelSource.parse(text, ModelSource.HUGGING_FACE))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageStartingWith(text)
        .message()
        .hasLineCount(1);
  }

  @Test
  void refusesAnEndpointThatIsNoUrl() {
    assertThatThrownBy(() -> ModelSource.parse("hf:o/r/m.gguf", "mirror.example"))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining("mirror.example");
  }
}
