package io.calidrop.download;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Proxies from the environment: row 10 of the cases. */
class ProxiesTest {
  private static final URI PAGE = URI.create("https://host.example.org/m.gguf");

  @TempDir private Path directory;

  private static String chosen(Map<String, String> variables, String uri) {
    Proxy proxy = new Proxies(variables).selector().select(URI.create(uri)).getFirst();
    return proxy.address() instanceof InetSocketAddress address
        ? address.getHostString() + ":" + address.getPort()
        : "direct";
  }

  @ParameterizedTest
  @CsvSource({
    "http_proxy, http://p:3128, http://h/, p:3128",
    "HTTP_PROXY, p:3128, http://h/, p:3128",
    "HTTP_PROXY, p:3128, HTTP://h/, p:3128",
    "HTTP_PROXY, p:3128, https://h/, direct",
    "https_proxy, http://u:secret@p, https://h/, p:80",
    "HTTPS_PROXY, http://p:3128/, https://h/, p:3128",
    "HTTPS_PROXY, http://p:3128, http://h/, direct",
    "ALL_PROXY, http://p:3128, http://h/, p:3128",
    "all_proxy, http://p:3128, https://h/, p:3128",
    "HTTP_PROXY, '', http://h/, direct"
  })
  void theVariableOfTheSchemeCounts(String name, String value, String uri, String proxy) {
    assertThat(chosen(Map.of(name, value), uri)).isEqualTo(proxy);
  }

  @Test
  void lowerCaseAndTheSchemeComeFirst() {
    assertThat(chosen(Map.of("http_proxy", "a:1", "HTTP_PROXY", "b:2"), "http://h/"))
        .isEqualTo("a:1");
    assertThat(chosen(Map.of("all_proxy", "a:1", "HTTP_PROXY", "b:2"), "http://h/"))
        .isEqualTo("b:2");
  }

  @ParameterizedTest
  @CsvSource({
    "*, direct",
    "'a, host.example.org', direct",
    "example.org, direct",
    ".example.org, direct",
    "*.example.org, direct",
    "EXAMPLE.org:443, direct",
    "example.org:80, p:1",
    "ample.org, p:1",
    "other.org, p:1",
    "'', p:1",
    "',', p:1"
  })
  void exceptionsAreReachedDirectly(String exceptions, String proxy) {
    Map<String, String> variables = Map.of("HTTPS_PROXY", "p:1", "NO_PROXY", exceptions);
    assertThat(chosen(variables, PAGE.toString())).isEqualTo(proxy);
  }

  @ParameterizedTest
  @ValueSource(strings = {"socks5://u:secret@p:1080", "https://u:secret@p", "http://", "a b"})
  void whatIsNoHttpProxyIsRefusedByNameWithoutItsPassword(String value) {
    Proxies proxies = new Proxies(Map.of("HTTPS_PROXY", value));
    assertThatThrownBy(() -> proxies.proxy(PAGE))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageContaining("https_proxy names no HTTP proxy")
        .message()
        .doesNotContain("secret");
  }

  @Test
  void aDownloadGoesThroughTheProxyWithItsUser() throws IOException {
    byte[] content = "GGUF and so on".getBytes(StandardCharsets.US_ASCII);
    Path target = directory.resolve("m.gguf");
    try (FileServer proxy = new FileServer(content)) {
      String address = proxy.uri("").toString().replace("http://", "http://us%40er:p%3Aw@");
      Network network = new Network(new Proxies(Map.of("HTTP_PROXY", address)));
      new Downloader(network)
          .download(
              URI.create("http://model.invalid/m.gguf"), target, null, null, ProgressListener.NONE);
      assertThat(proxy.requests()).hasSize(1);
      assertThat(proxy.requests().getFirst().getFirst("Host")).isEqualTo("model.invalid");
      assertThat(proxy.requests().getFirst().getFirst("Proxy-Authorization"))
          .isEqualTo("Basic dXNAZXI6cDp3");
    }
    assertThat(target).hasBinaryContent(content);
  }

  @Test
  void aProxyThatIsNotThereIsAnError() {
    Network network =
        new Network(new Proxies(Map.of("HTTP_PROXY", "http://user:secret@127.0.0.1:1")));
    assertThatThrownBy(
            () ->
                new Downloader(network)
                    .download(
                        URI.create("http://localhost/m.gguf"),
                        directory.resolve("m.gguf"),
                        null,
                        null,
                        ProgressListener.NONE))
        .isInstanceOf(ModelStoreException.class)
        .hasMessageStartingWith(
            "cannot reach http://localhost/m.gguf through the proxy 127.0.0.1:1: ")
        .hasMessageNotContaining("secret");
    assertThat(directory).isEmptyDirectory();
  }
}
