package io.calidrop.serve;

import io.calidrop.attention.policy.EvictionPolicies;
import io.calidrop.download.Checksum;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.stream.Collectors;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;

/**
 * The chat in the browser: one file that asks nothing of other hosts. Browsers run its own script
 * and no other, and no text becomes markup there. What a request may choose from is written into it
 * here, so that nothing is listed twice. Threads may share it.
 */
final class Page {
  private static final String FILE = "index.html";
  private static final String TYPE = "text/html; charset=utf-8";

  private final byte[] bytes;
  private final String tag;
  private final String policy;

  Page() {
    String html =
        read()
            .replace("<!--policies-->", options(EvictionPolicies.names()))
            .replace("<!--stores-->", options(RequestCaches.STORES));
    bytes = html.getBytes(StandardCharsets.UTF_8);
    tag = '"' + hash(bytes) + '"';
    policy =
        """
        default-src 'none'; connect-src 'self'; img-src data:; script-src '%s'; style-src '%s'; \
        base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
        require-trusted-types-for 'script'; trusted-types 'none'"""
            .formatted(hashOf("script", html), hashOf("style", html));
  }

  private static String read() {
    try (InputStream in = Page.class.getResourceAsStream(FILE)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String options(List<String> names) {
    return names.stream().map("<option>%s</option>"::formatted).collect(Collectors.joining());
  }

  private static String hashOf(String element, String html) {
    String start = "<" + element + ">";
    int from = html.indexOf(start) + start.length();
    String text = html.substring(from, html.indexOf("</" + element + ">", from));
    return hash(text.getBytes(StandardCharsets.UTF_8));
  }

  private static String hash(byte[] bytes) {
    byte[] digest = Checksum.newDigest().digest(bytes);
    return "sha256-" + Base64.getEncoder().encodeToString(digest);
  }

  /** Sends it, unless the browser has it. It asks each time: another version may be served. */
  void send(Exchange exchange) throws IOException {
    HttpFields.Mutable headers = exchange.response().getHeaders();
    headers.put(HttpHeader.ETAG, tag);
    headers.put(HttpHeader.CACHE_CONTROL, "no-cache");
    headers.put("Content-Security-Policy", policy);
    headers.put("X-Content-Type-Options", "nosniff");
    headers.put("Referrer-Policy", "no-referrer");
    boolean known =
        exchange.request().getHeaders().getValuesList(HttpHeader.IF_NONE_MATCH).stream()
            .anyMatch(value -> value.endsWith(tag)); // W/ may stand before it
    if (known) {
      exchange.send(304, TYPE, new byte[0]);
    } else {
      exchange.send(200, TYPE, bytes);
    }
  }
}
