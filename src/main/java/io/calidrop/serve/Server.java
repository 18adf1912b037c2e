package io.calidrop.serve;

import io.calidrop.generate.Engine;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.UriCompliance;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.NetworkConnectionLimit;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.VirtualThreads;
import org.eclipse.jetty.util.thread.QueuedThreadPool;

/**
 * Answers requests over HTTP, in the forms of OpenAI's API. It listens from the time that it was
 * made to when it is closed. Threads may share it.
 */
public final class Server implements AutoCloseable {
  private static final int THREADS = 8; // that accept and select; each request has a virtual one
  private static final double HEAP = 0.6; // of the Java heap, for conversations
  private static final int BESIDES = 64; // requests that are read or only refused
  private static final long IDLE_SECONDS = 60;
  private static final int MOST_HEADER_BYTES = 16 << 10;
  private static final int MOST_CONNECTIONS = 4096;
  private static final int SEND_BUFFER_BYTES =
      64 << 10; // what a client that does not read can hold

  private final ServerOptions options;
  private final Models models;
  private final Passes passes;
  private final Metrics metrics = new Metrics();
  private final HttpApi api;
  private final org.eclipse.jetty.server.Server http;
  private final ServerConnector connector;
  private final HeapWatch heap;

  /**
   * Begins to listen.
   *
   * @param models files of the models; the first one is used where a request names none
   * @param loader loads one
   * @param failures are told of what should not have happened, from any thread
   * @throws IOException if it cannot listen there
   */
  public Server(
      ServerOptions options,
      List<Path> models,
      Function<Path, Engine> loader,
      Consumer<Throwable> failures)
      throws IOException {
    this.options = options;
    Memory memory = new Memory(options.memory(), (long) (HEAP * Runtime.getRuntime().maxMemory()));
    this.models =
        new Models(models, loader, memory, options.parallel(), options.cacheDirectory(), failures);
    passes = new Passes(this.models, memory, options.parallel(), options.queue(), failures);
    Answers answers = new Answers(this.models, passes, options.defaults(), metrics);
    api =
        new HttpApi(
            new OpenAi(answers),
            new Ollama(answers),
            metrics,
            options.parallel() + options.queue() + BESIDES,
            options.key(),
            options.origin(),
            failures);
    measure(memory);
    QueuedThreadPool threads = new QueuedThreadPool(THREADS);
    threads.setName("calidrop-http");
    threads.setVirtualThreadsExecutor(
        VirtualThreads.getNamedVirtualThreadsExecutor("calidrop-request-"));
    http = new org.eclipse.jetty.server.Server(threads);
    connector = new ServerConnector(http, 1, 1, new HttpConnectionFactory(configuration()));
    connector.setHost(options.host());
    connector.setPort(options.port());
    connector.setIdleTimeout(IDLE_SECONDS * 1000);
    connector.setAcceptedSendBufferSize(SEND_BUFFER_BYTES);
    http.addConnector(connector);
    http.addBean(new NetworkConnectionLimit(MOST_CONNECTIONS, connector));
    http.setHandler(api);
    http.setErrorHandler(Server::refuse);
    heap = new HeapWatch();
    try {
      http.start();
    } catch (Exception e) {
      close();
      throw new IOException(
          "cannot listen at %s, port %d: %s".formatted(options.host(), options.port(), reason(e)),
          e);
    }
  }

  private void measure(Memory memory) {
    metrics.gauge("calidrop.running", "Answers being generated", passes::running);
    metrics.gauge("calidrop.waiting", "Answers that wait", passes::waiting);
    metrics.gauge("calidrop.models", "Models that are loaded", () -> models.loaded().size());
    metrics.gauge(
        "calidrop.conversations",
        "Conversations whose state is kept",
        () -> models.loaded().stream().mapToInt(model -> model.conversations().size()).sum());
    metrics.gauge(
        "calidrop.unsaved",
        "Conversations that wait to be written to disk",
        () -> models.loaded().stream().mapToInt(ServedModel::unsaved).sum());
    metrics.gauge("calidrop.memory.bytes", "Bytes of models and conversations", memory::taken);
    metrics.gauge("calidrop.memory.most.bytes", "Bytes that they may take", memory::most);
  }

  private static String reason(Throwable e) {
    Throwable cause = e.getCause() == null ? e : e.getCause();
    return cause.getMessage();
  }

  private static HttpConfiguration configuration() {
    HttpConfiguration configuration = new HttpConfiguration();
    configuration.setSendServerVersion(false);
    configuration.setRequestHeaderSize(MOST_HEADER_BYTES);
    configuration.setUriCompliance(UriCompliance.RFC3986);
    return configuration;
  }

  /** Answers what is no request at all. */
  private static boolean refuse(Request request, Response response, Callback callback) {
    int status = response.getStatus();
    byte[] body =
        Exchange.bytes(
            OpenAi.error(ApiException.of(status, null, "HTTP error %d".formatted(status))));
    response.getHeaders().put(HttpHeader.CONTENT_TYPE, "application/json");
    response.write(true, ByteBuffer.wrap(body), callback);
    return true;
  }

  /** Where it listens. */
  public URI uri() {
    String host = options.host().contains(":") ? "[" + options.host() + "]" : options.host();
    return URI.create("http://%s:%d".formatted(host, port()));
  }

  /** The port that it listens at. */
  public int port() {
    return connector.getLocalPort();
  }

  /**
   * Loads the model that requests without a name are for, so that the first one need not wait.
   *
   * @throws RuntimeException if it cannot be loaded
   */
  public void warm() {
    try {
      try (Models.Lease lease = models.acquire(models.named(Optional.empty()))) {
        lease.model().engine().model().beginWarmUp(); // while nobody asks
      }
    } catch (ApiException e) {
      throw e.getCause() instanceof RuntimeException cause
          ? cause
          : new IllegalArgumentException(e.getMessage(), e);
    }
  }

  /** Ends: answers under way may go on for the time of grace, new requests are refused. */
  @Override
  public void close() {
    passes.drain(options.grace());
    passes.close();
    awaitResponses();
    try {
      http.stop();
    } catch (Exception e) {
      throw new IllegalStateException("the server did not stop", e);
    }
    models.close();
    metrics.close();
    heap.close();
  }

  /** Responses that are only to be sent get a moment. */
  private void awaitResponses() {
    long end = System.nanoTime() + Duration.ofSeconds(2).toNanos();
    try {
      while (api.open() > 0 && System.nanoTime() < end) {
        Thread.sleep(10);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
