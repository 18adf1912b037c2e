package io.calidrop.download;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The HTTP proxies that the usual variables name: {@code http_proxy}, {@code https_proxy}, {@code
 * all_proxy} and {@code no_proxy}, in lower case or else in upper case. Immutable: threads may
 * share it.
 */
public final class Proxies {
  /** No proxy for any address. */
  public static final Proxies NONE = new Proxies(Map.of());

  private static final int DEFAULT_PORT = 80;

  private final Map<String, String> variables;

  /**
   * @param variables an environment, others in it are ignored
   */
  public Proxies(Map<String, String> variables) {
    this.variables = Map.copyOf(variables);
  }

  /** What connections go through; it refuses an address whose variable names no HTTP proxy. */
  ProxySelector selector() {
    return new ProxySelector() {
      @Override
      public List<Proxy> select(URI uri) {
        try {
          URI proxy = proxy(uri);
          if (proxy == null) {
            return List.of(Proxy.NO_PROXY);
          }
          int port = proxy.getPort() < 0 ? DEFAULT_PORT : proxy.getPort();
          return List.of(new Proxy(Proxy.Type.HTTP, new InetSocketAddress(proxy.getHost(), port)));
        } catch (ModelStoreException e) {
          throw new IllegalArgumentException(e.getMessage(), e);
        }
      }

      @Override
      public void connectFailed(URI uri, SocketAddress address, IOException e) {
        // the request fails with it
      }
    };
  }

  /** The proxy's address for this one, or null where it is reached directly. */
  URI proxy(URI uri) throws ModelStoreException {
    String scheme = uri.getScheme().toLowerCase(Locale.ROOT);
    String name = variable(scheme + "_proxy").isEmpty() ? "all_proxy" : scheme + "_proxy";
    String value = variable(name);
    if (value.isEmpty() || isExcepted(uri)) {
      return null;
    }
    try {
      URI proxy = new URI(value.contains("://") ? value : "http://" + value);
      if ("http".equalsIgnoreCase(proxy.getScheme()) && proxy.getHost() != null) {
        return proxy;
      }
    } catch (URISyntaxException e) {
      // said below, without the password that it may hold
    }
    throw new ModelStoreException(
        "%s names no HTTP proxy of the form http://host:port".formatted(name));
  }

  /** The value of {@code Proxy-Authorization} for this address, or null. */
  String authorization(URI uri) throws ModelStoreException {
    URI proxy = proxy(uri);
    if (proxy == null || proxy.getRawUserInfo() == null) {
      return null;
    }
    String user =
        URLDecoder.decode(proxy.getRawUserInfo().replace("+", "%2B"), StandardCharsets.UTF_8);
    return "Basic " + Base64.getEncoder().encodeToString(user.getBytes(StandardCharsets.UTF_8));
  }

  private boolean isExcepted(URI uri) {
    String host = uri.getHost().toLowerCase(Locale.ROOT);
    int port = uri.getPort() >= 0 ? uri.getPort() : "https".equals(uri.getScheme()) ? 443 : 80;
    for (String entry : variable("no_proxy").toLowerCase(Locale.ROOT).split("[,\\s]+")) {
      String name = entry.replaceFirst(":\\d+$", "");
      boolean samePort = name.equals(entry) || entry.endsWith(":" + port);
      String suffix = name.replaceFirst("^\\*?\\.", "");
      boolean sameHost =
          name.equals("*")
              || !suffix.isEmpty() && (host.equals(suffix) || host.endsWith("." + suffix));
      if (samePort && sameHost) {
        return true;
      }
    }
    return false;
  }

  private String variable(String name) {
    String lower = variables.getOrDefault(name, "").strip();
    return lower.isEmpty()
        ? variables.getOrDefault(name.toUpperCase(Locale.ROOT), "").strip()
        : lower;
  }
}
