package io.calidrop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calidrop.MicroModel;
import io.calidrop.Processes;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Servers that are killed at any moment, and those after them, with the same directory. */
@Timeout(900)
class KilledServerTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int KILLS = 4;
  private static final int CLIENTS = 3;

  @TempDir private Path directory;
  private final Random random = new Random();

  private record Conversation(String question, String answer) {
    ArrayNode goingOn() {
      ArrayNode messages = asked(question);
      messages.addObject().put("role", "assistant").put("content", answer);
      messages.addObject().put("role", "user").put("content", "More");
      return messages;
    }

    static ArrayNode asked(String question) {
      ArrayNode messages = JSON.createArrayNode();
      messages.addObject().put("role", "user").put("content", question);
      return messages;
    }
  }

  /** A server as a process of its own. */
  private static final class Serving implements AutoCloseable {
    private final Process process;
    private final BufferedReader err;
    private final HttpClient client = HttpClient.newHttpClient();
    private final String uri;

    Serving(Path temporary, String... options) throws IOException {
      List<String> args = new ArrayList<>(List.of("serve", "--port", "0", "--parallel", "4"));
      args.addAll(List.of("--model", MicroModel.file().toString(), "--grace", "0"));
      args.addAll(List.of(options));
      process =
          new ProcessBuilder(Processes.command(args, "-Djava.io.tmpdir=" + temporary))
              .redirectOutput(Redirect.DISCARD)
              .start();
      err = process.errorReader();
      String line = err.readLine();
      while (line.startsWith("WARNING: ")) {
        line = err.readLine(); // the JVM's, without the jar
      }
      assertThat(line).startsWith("listening at ");
      uri = line.substring(line.indexOf("http"), line.length() - "/v1".length());
    }

    private String send(HttpRequest.Builder request) {
      try {
        return client.send(request.build(), BodyHandlers.ofString()).body();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }

    JsonNode ask(ArrayNode messages) {
      ObjectNode body = JSON.createObjectNode().put("seed", 7).put("max_tokens", 9);
      body.set("messages", messages);
      String answer =
          send(
              HttpRequest.newBuilder(URI.create(uri + "/v1/chat/completions"))
                  .POST(BodyPublishers.ofString(body.toString())));
      try {
        return JSON.readTree(answer);
      } catch (IOException e) {
        throw new AssertionError(answer, e);
      }
    }

    boolean allIsSaved() {
      return send(HttpRequest.newBuilder(URI.create(uri + "/metrics")))
          .lines()
          .anyMatch("calidrop_unsaved 0.0"::equals);
    }

    /** Without any warning. */
    void kill() throws InterruptedException {
      process.toHandle().destroyForcibly(); // its streams stay open
      assertThat(process.waitFor(180, TimeUnit.SECONDS)).isTrue();
    }

    /** What it said after its start, once it has ended. */
    String said() throws IOException {
      return String.join("\n", err.lines().toList());
    }

    @Override
    public void close() {
      process.destroyForcibly();
      client.shutdownNow();
    }
  }

  private static String content(JsonNode answer) {
    return answer.at("/choices/0/message/content").asText();
  }

  @Test
  void whatWasKeptIsThereAndNothingElse() throws Exception {
    Path cache = directory.resolve("cache");
    Path temporary = Files.createDirectory(directory.resolve("tmp"));
    List<Conversation> kept = new ArrayList<>();
    try (Serving control = new Serving(temporary)) {
      for (int round = 0; round <= KILLS; round++) {
        try (Serving server = new Serving(temporary, "--cache-dir", cache.toString())) {
          if (round > 0) {
            assertThat(files(cache.resolve("chatty")))
                .isNotEmpty()
                .allMatch(name -> name.endsWith(".session") || name.equals(".lock"));
          }
          for (Conversation one : kept) {
            JsonNode answer = server.ask(one.goingOn());
            assertThat(answer.at("/usage/prompt_tokens_details/cached_tokens").intValue())
                .as("round %d: %s", round, one)
                .isGreaterThan(30);
            assertThat(content(answer)).isEqualTo(content(control.ask(one.goingOn())));
          }
          kept = round < KILLS ? askUntilItIsKilled(server, round) : List.of();
          server.kill();
          assertThat(server.said()).isEmpty();
        }
      }
    }
    assertThat(files(temporary)).isEmpty();
  }

  private static List<String> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).toList();
    }
  }

  /** Returns the conversations that the server told to be kept, at least one. */
  private List<Conversation> askUntilItIsKilled(Serving server, int round) throws Exception {
    List<Conversation> kept = new ArrayList<>();
    List<Thread> clients = new ArrayList<>();
    for (int client = 0; client < CLIENTS; client++) {
      String name = "Number %d of round %d".formatted(client, round);
      clients.add(Thread.startVirtualThread(() -> ask(server, name, kept)));
    }
    while (isEmpty(kept)) {
      assertThat(server.process.isAlive()).isTrue();
      Thread.sleep(2);
    }
    Thread.sleep(random.nextInt(200));
    server.kill();
    for (Thread client : clients) {
      client.join();
    }
    return kept;
  }

  private static boolean isEmpty(List<Conversation> kept) {
    synchronized (kept) {
      return kept.isEmpty();
    }
  }

  private static void ask(Serving server, String name, List<Conversation> kept) {
    try {
      for (int i = 0; ; i++) {
        String question = "%s asks for the time of day %d: tell me of the sea".formatted(name, i);
        Conversation one =
            new Conversation(question, content(server.ask(Conversation.asked(question))));
        if (server.allIsSaved()) {
          synchronized (kept) {
            kept.add(one);
          }
        }
      }
    } catch (UncheckedIOException e) {
      // killed
    }
  }
}
