package io.calidrop.serve;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.EofException;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/** Which request goes where, and what every response has. A thread of its own serves each. */
final class HttpApi extends Handler.Abstract {
  private static final String MODEL = "/v1/models/";

  private final OpenAi openAi;
  private final Optional<byte[]> key;
  private final Optional<String> origin;
  private final AtomicInteger open = new AtomicInteger();

  HttpApi(OpenAi openAi, Optional<String> key, Optional<String> origin) {
    this.openAi = openAi;
    this.key = key.map(text -> text.getBytes(StandardCharsets.UTF_8));
    this.origin = origin;
  }

  /** Requests that have no whole response yet. */
  int open() {
    return open.get();
  }

  @Override
  public boolean handle(Request request, Response response, Callback callback) {
    open.incrementAndGet();
    Exchange exchange = new Exchange(request, response);
    try {
      serve(exchange);
      if (response.isCommitted() && !response.hasLastWrite()) {
        callback.failed(new EofException("the answer is not whole"));
      } else {
        callback.succeeded();
      }
    } catch (IOException | RuntimeException | Error e) {
      callback.failed(e);
    } finally {
      open.decrementAndGet();
      if (exchange.isSpoilt()) {
        request.getConnectionMetaData().getConnection().getEndPoint().close();
      }
    }
    return true;
  }

  private void serve(Exchange exchange) throws IOException {
    try {
      allow(exchange);
      if (exchange.request().getMethod().equals("OPTIONS")) {
        exchange.send(204, "text/plain", new byte[0]);
        return;
      }
      route(exchange);
    } catch (ApiException e) {
      if (!exchange.response().isCommitted()) {
        e.retrySeconds()
            .ifPresent(
                seconds ->
                    exchange.response().getHeaders().put(HttpHeader.RETRY_AFTER, "" + seconds));
        exchange.send(e.status(), OpenAi.error(e));
      }
    } catch (RuntimeException e) {
      if (exchange.response().isCommitted()) {
        throw e;
      }
      exchange.send(500, OpenAi.error(ApiException.internal()));
    }
  }

  /** Lets pages of the allowed origin read responses. */
  private void allow(Exchange exchange) {
    origin.ifPresent(
        allowed -> {
          HttpFields.Mutable headers = exchange.response().getHeaders();
          headers.put("Access-Control-Allow-Origin", allowed);
          headers.put("Access-Control-Allow-Headers", "*, Authorization");
          headers.put("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
          headers.put("Vary", "Origin");
        });
  }

  private void route(Exchange exchange) throws IOException {
    String path = Request.getPathInContext(exchange.request());
    if (path.equals("/health")) {
      require("GET", exchange);
      exchange.send(200, JsonNodeFactory.instance.objectNode().put("status", "ok"));
      return;
    }
    requireKey(exchange.request());
    switch (path) {
      case "/v1/chat/completions" -> {
        require("POST", exchange);
        openAi.chat(exchange);
      }
      case "/v1/completions" -> {
        require("POST", exchange);
        openAi.completion(exchange);
      }
      case "/v1/models" -> {
        require("GET", exchange);
        openAi.models(exchange);
      }
      case "/v1/embeddings" ->
          throw ApiException.of(
              501, "not_supported", "embeddings are not supported: this server generates text");
      default -> {
        if (!path.startsWith(MODEL)) {
          throw ApiException.of(404, "not_found", "there is nothing at this path");
        }
        require("GET", exchange);
        openAi.model(exchange, path.substring(MODEL.length()));
      }
    }
  }

  private static void require(String method, Exchange exchange) {
    if (!exchange.request().getMethod().equals(method)) {
      exchange.response().getHeaders().put(HttpHeader.ALLOW, method);
      throw ApiException.of(405, "method_not_allowed", "this path takes " + method);
    }
  }

  /** The time that a comparison takes tells nothing of the key. */
  private void requireKey(Request request) {
    if (key.isEmpty()) {
      return;
    }
    String shown = request.getHeaders().get(HttpHeader.AUTHORIZATION);
    byte[] given =
        shown != null && shown.regionMatches(true, 0, "Bearer ", 0, 7)
            ? shown.substring(7).strip().getBytes(StandardCharsets.UTF_8)
            : new byte[0];
    if (!MessageDigest.isEqual(given, key.get())) {
      throw ApiException.of(
          401, "invalid_api_key", "the server wants its key: Authorization: Bearer KEY");
    }
  }
}
