package io.calidrop.download;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * A local HTTP server of one file at every path, which honours If-Range and can be made to fail.
 */
final class FileServer implements AutoCloseable {
  private final HttpServer server;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final List<Headers> requests = new CopyOnWriteArrayList<>();

  volatile byte[] content;
  volatile String etag = "\"one\"";
  volatile boolean ranges = true;

  /** Bytes of the file after which the connection is cut, or -1. */
  volatile int cutAt = -1;

  /** What a cut waits for, so that the client has read all that was sent. */
  final CountDownLatch read = new CountDownLatch(1);

  FileServer(byte[] content) throws IOException {
    this.content = content;
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(threads);
    on("/", this::serve);
    server.start();
  }

  void on(String path, HttpHandler handler) {
    server.createContext(
        path,
        exchange -> {
          requests.add(exchange.getRequestHeaders());
          try (exchange) {
            handler.handle(exchange);
          }
        });
  }

  void text(String path, int status, String body) {
    on(path, exchange -> reply(exchange, status, body.getBytes()));
  }

  void redirect(String path, URI to) {
    on(
        path,
        exchange -> {
          exchange.getResponseHeaders().set("Location", to.toString());
          exchange.sendResponseHeaders(302, -1);
        });
  }

  URI uri(String path) {
    return URI.create("http://localhost:" + server.getAddress().getPort() + path);
  }

  List<Headers> requests() {
    return requests;
  }

  static void reply(HttpExchange exchange, int status, byte[] body) throws IOException {
    exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
    exchange.getResponseBody().write(body);
  }

  private void serve(HttpExchange exchange) throws IOException {
    byte[] body = content;
    Headers request = exchange.getRequestHeaders();
    Headers response = exchange.getResponseHeaders();
    if (etag != null) {
      response.set("ETag", etag);
    }
    String range = request.getFirst("Range");
    String condition = request.getFirst("If-Range");
    boolean part = ranges && range != null && (condition == null || condition.equals(etag));
    int from = part ? Integer.parseInt(range.substring("bytes=".length(), range.length() - 1)) : 0;
    if (part && from >= body.length) {
      exchange.sendResponseHeaders(416, -1);
      return;
    }
    if (part) {
      response.set("Content-Range", "bytes %d-%d/%d".formatted(from, body.length - 1, body.length));
    }
    int to = cutAt < 0 ? body.length : cutAt;
    exchange.sendResponseHeaders(part ? 206 : 200, body.length - from);
    exchange.getResponseBody().write(body, from, to - from);
    if (to < body.length) {
      exchange.getResponseBody().flush();
      try {
        read.await(5, TimeUnit.MINUTES);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      throw new IOException("cut");
    }
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
