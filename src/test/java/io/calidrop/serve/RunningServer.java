package io.calidrop.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calidrop.generate.Engine;
import io.calidrop.generate.EngineOptions;
import io.calidrop.generate.GenerationOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** A server in this process at any free port, and a client of it. */
final class RunningServer implements AutoCloseable {
  static final ObjectMapper JSON = new ObjectMapper();

  static final EngineOptions ENGINE = EngineOptions.defaults().withThreads(2);

  /** Engines that were loaded, to ask what was freed. */
  final List<Engine> engines = new CopyOnWriteArrayList<>();

  /** What should not have happened. */
  final List<Throwable> failures = new CopyOnWriteArrayList<>();

  private final Server server;
  private final HttpClient client = HttpClient.newHttpClient();

  RunningServer(Path... models) {
    this(ENGINE, settings -> {}, models);
  }

  RunningServer(EngineOptions engine, Consumer<Settings> change, Path... models) {
    Settings settings = new Settings();
    change.accept(settings);
    try {
      server =
          new Server(
              settings.options(),
              List.of(models),
              path -> {
                Engine loaded = Engine.load(path, engine);
                engines.add(loaded);
                return loaded;
              },
              failures::add);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** What a test may want otherwise. */
  static final class Settings {
    Optional<String> key = Optional.empty();
    Optional<String> origin = Optional.empty();
    int parallel = 4;
    int queue = 16;
    long memory = 1L << 30;
    Duration grace = Duration.ofSeconds(20);
    Optional<Path> cacheDirectory = Optional.empty();

    private ServerOptions options() {
      return new ServerOptions(
          "127.0.0.1",
          0,
          key,
          origin,
          parallel,
          queue,
          memory,
          grace,
          cacheDirectory,
          GenerationOptions::defaults);
    }
  }

  static JsonNode tree(String json) {
    try {
      return JSON.readTree(json);
    } catch (IOException e) {
      throw new AssertionError(json, e);
    }
  }

  Server server() {
    return server;
  }

  HttpClient client() {
    return client;
  }

  HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create(server.uri() + path)).timeout(Duration.ofMinutes(2));
  }

  HttpRequest post(String path, String body) {
    return request(path).POST(HttpRequest.BodyPublishers.ofString(json(body))).build();
  }

  /** JSON with apostrophes for quotes. */
  static String json(String text) {
    return text.replace('\'', '"');
  }

  Answer send(HttpRequest request) {
    try {
      HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
      return new Answer(response.statusCode(), response.body(), response);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  Answer get(String path) {
    return send(request(path).build());
  }

  Answer ask(String path, String body) {
    return send(post(path, body));
  }

  /** A chat of one question, with more fields. */
  static String chat(String question, String more) {
    return "{'messages':[{'role':'user','content':'" + question + "'}]" + more + "}";
  }

  /** What came back. */
  record Answer(int status, String body, HttpResponse<String> response) {
    JsonNode json() {
      return tree(body);
    }

    /** The content of a chat's only answer. */
    String content() {
      return json().at("/choices/0/message/content").asText(body);
    }

    String error() {
      return json().at("/error/message").asText(body);
    }

    /** The events of a stream, without the last, which ends it. */
    List<JsonNode> events() {
      List<JsonNode> events = new ArrayList<>();
      try {
        for (String line : body.split("\n\n")) {
          if (line.startsWith("data: {")) {
            events.add(JSON.readTree(line.substring(6)));
          }
        }
      } catch (IOException e) {
        throw new AssertionError(body, e);
      }
      return events;
    }

    /** The text of one of a streamed chat's answers. */
    String streamed(int answer) {
      StringBuilder text = new StringBuilder();
      events().stream()
          .flatMap(event -> Stream.of(event.path("choices")))
          .forEach(
              choices ->
                  choices.forEach(
                      choice -> {
                        if (choice.path("index").intValue() == answer) {
                          text.append(choice.at("/delta/content").asText(""));
                          text.append(choice.path("text").asText(""));
                        }
                      }));
      return text.toString();
    }
  }

  @Override
  public void close() {
    server.close();
    client.shutdownNow(); // close would wait for connections that are kept open
  }
}
