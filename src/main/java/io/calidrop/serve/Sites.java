package io.calidrop.serve;

import java.net.InetSocketAddress;
import java.net.URI;
import java.util.Optional;
import java.util.regex.Pattern;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;

/**
 * Keeps the pages of other sites, which a browser on this machine may show, from a server that asks
 * for no key: they could make it compute, and, where their name leads to this machine, read what it
 * answers.
 *
 * @param keyed whether the server asks for a key, which no such page has
 * @param origin whose pages may use it
 */
record Sites(boolean keyed, Optional<String> origin) {
  private static final Pattern THIS_MACHINE =
      Pattern.compile("(?i)(.+\\.)?localhost|127(\\.\\d{1,3}){3}|\\[::1]");

  /**
   * @throws ApiException if another site asks
   */
  void check(Request request) {
    if (keyed) {
      return;
    }
    String from = request.getHeaders().get(HttpHeader.ORIGIN);
    if (from != null && !isAllowed(from) && !isOwn(from, request)) {
      throw refusal("pages of %s may not use this server: --cors %s lets them", from);
    }
    if (request.getConnectionMetaData().getLocalSocketAddress() instanceof InetSocketAddress here
        && here.getAddress().isLoopbackAddress()
        && !THIS_MACHINE.matcher(Request.getServerName(request)).matches()) {
      throw refusal(
          "%s is no name of this machine: use localhost, or --api-key",
          Request.getServerName(request));
    }
  }

  private boolean isAllowed(String from) {
    return origin.filter(allowed -> allowed.equals("*") || allowed.equals(from)).isPresent();
  }

  private static boolean isOwn(String from, Request request) {
    String host = request.getHeaders().get(HttpHeader.HOST);
    try {
      return URI.create(from).getRawAuthority() instanceof String authority
          && authority.equalsIgnoreCase(host);
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private static ApiException refusal(String format, String name) {
    return ApiException.of(403, "forbidden", format.replace("%s", name));
  }
}
