package io.calidrop.serve;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.EofException;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/** Which request goes where, and what every response has. A thread of its own serves each. */
final class HttpApi extends Handler.Abstract {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
  private static final String MODEL = "/v1/models/";
  private static final String OLLAMA = "/api/";
  private static final Set<String> WITHOUT_KEY = Set.of("/", "/health");
  private static final String METRICS = "text/plain; version=0.0.4; charset=utf-8";

  private static final List<String> UNSUPPORTED =
      List.of(
          "/v1/embeddings",
          "/v1/responses",
          "/api/embed",
          "/api/embeddings",
          "/api/pull",
          "/api/push",
          "/api/create",
          "/api/copy");

  private final Map<String, Route> routes = new HashMap<>();
  private final OpenAi openAi;
  private final Metrics metrics;
  private final int most;
  private final Consumer<Throwable> failures;
  private final Optional<byte[]> key;
  private final Optional<String> origin;
  private final Sites sites;
  private final AtomicInteger open = new AtomicInteger();

  /** What a path does with a request. */
  @FunctionalInterface
  private interface Action {
    void run(Exchange exchange) throws IOException;
  }

  private record Route(String method, Action action) {}

  /**
   * @param most requests with a body at a time
   * @param key what clients must show, if anything
   * @param origin whose pages may use it
   * @param failures are told of what should not have happened
   */
  HttpApi(
      OpenAi openAi,
      Ollama ollama,
      Metrics metrics,
      int most,
      Optional<String> key,
      Optional<String> origin,
      Consumer<Throwable> failures) {
    this.openAi = openAi;
    this.metrics = metrics;
    this.most = most;
    this.key = key.map(text -> text.getBytes(StandardCharsets.UTF_8));
    this.origin = origin;
    sites = new Sites(key.isPresent(), origin);
    this.failures = failures;
    get("/", new Page()::send);
    get("/health", exchange -> exchange.send(200, JSON.objectNode().put("status", "ok")));
    get(
        "/metrics",
        exchange -> exchange.send(200, METRICS, metrics.text().getBytes(StandardCharsets.UTF_8)));
    post("/v1/chat/completions", openAi::chat);
    post("/v1/completions", openAi::completion);
    get("/v1/models", openAi::models);
    post("/api/chat", ollama::chat);
    post("/api/generate", ollama::generate);
    get("/api/tags", ollama::tags);
    get("/api/ps", ollama::loaded);
    post("/api/show", ollama::show);
    get("/api/version", ollama::version);
    UNSUPPORTED.forEach(path -> post(path, HttpApi::unsupported));
  }

  private void get(String path, Action action) {
    routes.put(path, new Route("GET", action));
  }

  private void post(String path, Action action) {
    routes.put(path, new Route("POST", action));
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
      metrics.responded(
          routes.containsKey(exchange.path()) ? exchange.path() : "other", response.getStatus());
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
      if (e.getCause() != null) {
        failures.accept(e.getCause());
      }
      if (!exchange.response().isCommitted()) {
        e.retrySeconds()
            .ifPresent(
                seconds ->
                    exchange.response().getHeaders().put(HttpHeader.RETRY_AFTER, "" + seconds));
        fail(exchange, e);
      }
    } catch (RuntimeException e) {
      failures.accept(e);
      if (exchange.response().isCommitted()) {
        throw e;
      }
      fail(exchange, ApiException.internal());
    }
  }

  private static void fail(Exchange exchange, ApiException e) throws IOException {
    exchange.send(
        e.status(), exchange.path().startsWith(OLLAMA) ? Ollama.error(e) : OpenAi.error(e));
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
    String path = exchange.path();
    sites.check(exchange.request());
    if (!WITHOUT_KEY.contains(path)) {
      requireKey(exchange.request());
    }
    Route route = routes.get(path);
    if (route != null) {
      if (route.method().equals("POST") && open.get() > most) {
        throw ApiException.busy(429, "too_many_requests", 5, "too many requests at once");
      }
      if (!exchange.request().getMethod().equals(route.method())) {
        exchange.response().getHeaders().put(HttpHeader.ALLOW, route.method());
        throw ApiException.of(405, "method_not_allowed", "this path takes " + route.method());
      }
      route.action().run(exchange);
    } else if (path.startsWith(MODEL) && exchange.request().getMethod().equals("GET")) {
      openAi.model(exchange, path.substring(MODEL.length()));
    } else {
      throw ApiException.of(404, "not_found", "there is nothing at this path");
    }
  }

  private static void unsupported(Exchange exchange) {
    throw ApiException.of(
        501, "not_supported", "this is not supported: the server generates text with its models");
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
