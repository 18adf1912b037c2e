package io.calidrop.serve;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.calidrop.text.Utf8;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.BufferUtil;

/** A request and its response. For one thread. */
final class Exchange {
  private static final int MOST_BYTES = 4 << 20;
  private static final int MOST_DROPPED_BYTES = 64 << 20;
  private static final int MOST_DEPTH = 200;
  private static final long BODY_NANOS = TimeUnit.SECONDS.toNanos(60);

  private static final ObjectMapper JSON =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder().maxNestingDepth(MOST_DEPTH).build())
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
          .build();

  /** How the reading of a body ended. */
  private enum Body {
    WHOLE,
    TOO_LARGE,
    TOO_SLOW
  }

  private final Request request;
  private final Response response;
  private final EndPoint endPoint;
  private final ByteBuffer next = BufferUtil.allocate(1);
  private volatile boolean waits; // for the client to send or to read
  private final long bodyEnd = System.nanoTime() + BODY_NANOS;
  private boolean reads; // the body
  private boolean pipelined;

  Exchange(Request request, Response response) {
    this.request = request;
    this.response = response;
    endPoint = request.getConnectionMetaData().getConnection().getEndPoint();
    // Waiting for an answer is no idleness; a client that does not read is.
    request.addIdleTimeoutListener(timeout -> waits);
  }

  String path() {
    return Request.getPathInContext(request);
  }

  Request request() {
    return request;
  }

  Response response() {
    return response;
  }

  /**
   * The body, JSON.
   *
   * @throws ApiException if it is none, or too large
   */
  JsonNode json() throws IOException {
    if (request.getLength() > MOST_BYTES) {
      throw tooLarge();
    }
    byte[] bytes = body();
    String text;
    try {
      text = Utf8.decode(bytes, "the request");
    } catch (IOException e) {
      throw ApiException.badRequest(e.getMessage());
    }
    try {
      return JSON.readTree(text);
    } catch (JsonProcessingException e) {
      throw ApiException.badRequest(
          "the request is no JSON: " + Texts.shortened(e.getOriginalMessage()));
    }
  }

  private byte[] body() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    return switch (read(MOST_BYTES, bytes)) {
      case WHOLE -> bytes.toByteArray();
      case TOO_LARGE -> throw tooLarge();
      case TOO_SLOW -> throw ApiException.of(408, "too_slow", "the request took too long to come");
    };
  }

  /**
   * Reads what was not read of the body. A connection that is closed while its client still sends
   * is reset, and then the client may never see the answer. Nothing comes of a client that still
   * waits to be asked for its body, and one whose time is over is not waited for again.
   */
  private void dropRest() throws IOException {
    boolean comes = reads || !request.getHeaders().contains(HttpHeader.EXPECT);
    if (comes && System.nanoTime() - bodyEnd < 0) {
      read(MOST_DROPPED_BYTES, OutputStream.nullOutputStream());
    }
  }

  /** Reads the body, of at most so many bytes. */
  private Body read(int most, OutputStream to) throws IOException {
    InputStream in = Content.Source.asInputStream(request); // closed it would refuse the rest
    byte[] buffer = new byte[1 << 14];
    reads = true;
    waits = true;
    try {
      int length = 0;
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        length += n;
        if (length > most) {
          return Body.TOO_LARGE;
        }
        if (System.nanoTime() - bodyEnd > 0) {
          return Body.TOO_SLOW;
        }
        to.write(buffer, 0, n);
      }
      return Body.WHOLE;
    } finally {
      waits = false;
    }
  }

  private static ApiException tooLarge() {
    return ApiException.of(
        413, "too_large", "a request has at most %d MiB".formatted(MOST_BYTES >> 20));
  }

  /** Sends a whole answer. */
  void send(int status, JsonNode body) throws IOException {
    send(status, "application/json", bytes(body));
  }

  /** Sends a whole answer. */
  void send(int status, String type, byte[] body) throws IOException {
    dropRest();
    response.setStatus(status);
    response.getHeaders().put(HttpHeader.CONTENT_TYPE, type);
    response.getHeaders().put(HttpHeader.CONTENT_LENGTH, body.length);
    if (pipelined) {
      response.getHeaders().put(HttpHeader.CONNECTION, "close");
    }
    write(true, body);
  }

  /** Begins an answer that comes piece by piece. */
  void begin(String type) {
    response.setStatus(200);
    response.getHeaders().put(HttpHeader.CONTENT_TYPE, type);
    response.getHeaders().put(HttpHeader.CACHE_CONTROL, "no-cache");
    response.getHeaders().put("X-Accel-Buffering", "no"); // a balancer hands pieces on as they come
    if (pipelined) {
      response.getHeaders().put(HttpHeader.CONNECTION, "close");
    }
  }

  /** Sends a piece of an answer. */
  void piece(String before, JsonNode body, String after) throws IOException {
    write(false, (before + text(body) + after).getBytes(StandardCharsets.UTF_8));
  }

  /** Sends a piece of an answer as it is. */
  void raw(String text, boolean last) throws IOException {
    write(last, text.getBytes(StandardCharsets.UTF_8));
  }

  private void write(boolean last, byte[] bytes) throws IOException {
    waits = true;
    try {
      Content.Sink.write(response, last, ByteBuffer.wrap(bytes));
    } finally {
      waits = false;
    }
  }

  /** Whether the client has gone. Its request was read; nothing else comes unless it pipelines. */
  boolean isGone() {
    if (pipelined) {
      return false;
    }
    try {
      int count = endPoint.fill(next);
      pipelined = count > 0;
      return count < 0;
    } catch (IOException e) {
      return true;
    }
  }

  /** Whether the connection cannot serve another request: a part of that was read already. */
  boolean isSpoilt() {
    return pipelined;
  }

  static String text(JsonNode body) {
    try {
      return JSON.writeValueAsString(body);
    } catch (JsonProcessingException e) {
      throw new AssertionError("a tree can be written", e);
    }
  }

  // A message may show half a character of a request: as a question mark, where Jackson's own bytes
  // would be refused.
  static byte[] bytes(JsonNode body) {
    return text(body).getBytes(StandardCharsets.UTF_8);
  }
}
