package io.calidrop.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.calidrop.AnsweringModel;
import io.calidrop.MicroModel;
import io.calidrop.attention.CacheOptions;
import io.calidrop.attention.KvType;
import io.calidrop.attention.KvTypes;
import io.calidrop.attention.StoreOptions;
import io.calidrop.generate.EngineOptions;
import io.calidrop.serve.RunningServer.Answer;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is refused and how; clients that leave, do not read, or come too many; and the end. */
class ServerTest {
  private static final String ENDLESS = ",'max_tokens':10000000,'calidrop':{'budget':64}";
  private static final String CHAT = "/v1/chat/completions";

  private static RunningServer answering;

  @BeforeAll
  static void start() {
    answering = new RunningServer(AnsweringModel.file());
  }

  @AfterAll
  static void end() {
    answering.close();
  }

  private static RunningServer endless(int parallel, int queue) {
    return new RunningServer(
        RunningServer.ENGINE,
        settings -> {
          settings.parallel = parallel;
          settings.queue = queue;
        },
        AnsweringModel.endless());
  }

  static RunningServer open(Optional<String> key, Optional<String> origin) {
    return new RunningServer(
        RunningServer.ENGINE,
        settings -> {
          settings.key = key;
          settings.origin = origin;
        },
        AnsweringModel.file());
  }

  private static void await(String what, BooleanSupplier condition) {
    long end = System.nanoTime() + Duration.ofMinutes(3).toNanos(); // a machine may stop
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as(what).isLessThan(end);
      try {
        Thread.sleep(5);
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }
  }

  /** A figure of the server's. */
  private static double figure(RunningServer server, String name) {
    return server
        .get("/metrics")
        .body()
        .lines()
        .filter(line -> line.startsWith(name + " ") || line.startsWith(name + "{"))
        .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' '))))
        .sum();
  }

  private static boolean isRunning(RunningServer server, int count) {
    return figure(server, "calidrop_running") == count;
  }

  /** Asks for a stream; returns when its beginning is there. */
  private static InputStream stream(RunningServer server, String more) {
    try {
      HttpResponse<InputStream> response =
          server
              .client()
              .send(
                  server.post(CHAT, RunningServer.chat("Go on", ",'stream':true" + more)),
                  BodyHandlers.ofInputStream());
      InputStream in = response.body();
      assertThat(in.read()).isEqualTo('d');
      return in;
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{ | 400 | the request is no JSON",
        "[1] | 400 | the request is no JSON object: [1]",
        "{} | 400 | the chat has no messages",
        "{'messages':[{'role':'user','content':'x'}],'temprature':1} | 400 | unknown field \"temprature\"; is it \"temperature\"?",
        "{'messages':[{'role':'user','content':'x'}],'n':17} | 400 | n: it counts answers, from 1 to 16, not 17",
        "{'messages':[{'role':'user','content':'x'}],'top_logprobs':2} | 400 | top_logprobs: it is for logprobs: true",
        "{'messages':[{'role':'user','content':'x'}],'stream_options':{'x':1}} | 400 | stream_options: unknown field \"x\"",
        "{'messages':[{'role':'user','content':'x'}],'model':'gpt'} | 404 | there is no model \"gpt\"; there are answering",
        "{'messages':[{'role':'user','content':'x'}],'calidrop':{'budget':5}} | 400 | a budget of 5 rows is smaller than",
        "{'messages':[{'role':'user','content':'x'}],'calidrop':{'policy':'h2o'}} | 400 | policy: it needs a budget",
        "{'messages':[{'role':'user','content':'x'}],'calidrop':{'budget':200,'policy':'x'}} | 400 | there is no policy \"x\"",
        "{'messages':[{'role':'user','content':'x'}],'calidrop':{'store':'ram'}} | 400 | store: it needs a budget",
        "{'messages':[{'role':'user','content':'x'}],'calidrop':{'budget':200,'store':'disk'}} | 400 | store: there is no \"disk\"; there are none, ram, file, auto",
        "{'messages':[{'role':'user','content':'x'}],'calidrop':{'budget':200,'recall':9}} | 400 | recall: it needs a store",
        "{'messages':[{'role':'user','content':'x'}],'calidrop':{'budget':200,'store':'ram','recall':0}} | 400 | the rows that are read of the store must be at least 1",
        "{'messages':[{'role':'user','content':'x'}],'calidrop':{'live':1}} | 400 | calidrop: 1 is neither true nor false"
      })
  void whatIsWrongIsSaid(String body, int status, String message) {
    Answer answer = answering.ask(CHAT, body);
    assertThat(answer.status()).isEqualTo(status);
    assertThat(answer.error()).startsWith(message);
    assertThat(answer.json().at("/error/type").asText()).isEqualTo("invalid_request_error");
    assertThat(answer.json().path("error").has("param")).isTrue();
  }

  @Test
  void bodiesAreBounded() throws IOException {
    byte[] large = new byte[(4 << 20) + 1];
    Answer answer =
        answering.send(answering.request(CHAT).POST(BodyPublishers.ofByteArray(large)).build());
    assertThat(answer.status()).isEqualTo(413);
    String deep = "{'messages':" + "[".repeat(100_000);
    assertThat(answering.ask(CHAT, deep).status()).isEqualTo(400);
    assertThat(answering.ask(CHAT, deep).error()).contains("depth");
    byte[] latin = "{\"messages\":\"\u00e9\"}".getBytes(StandardCharsets.ISO_8859_1);
    Answer text =
        answering.send(answering.request(CHAT).POST(BodyPublishers.ofByteArray(latin)).build());
    assertThat(text.error()).isEqualTo("the request is no UTF-8 text (byte 14)");
    Answer longPrompt = answering.ask(CHAT, RunningServer.chat("word ".repeat(9000), ""));
    assertThat(longPrompt.status()).isEqualTo(400);
    assertThat(longPrompt.json().at("/error/code").asText()).isEqualTo("context_length_exceeded");
    try (Socket socket = new Socket("127.0.0.1", answering.server().port())) {
      socket.getOutputStream().write("no HTTP at all\r\n\r\n".getBytes(StandardCharsets.UTF_8));
      socket.shutdownOutput();
      String reply = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(reply).startsWith("HTTP/1.1 400").contains("{\"error\":{").doesNotContain("jetty");
    }
  }

  @Test
  void aClientThatStillSendsSeesThatItsBodyIsTooLarge() throws Exception {
    byte[] half = new byte[3 << 20];
    try (Socket socket = new Socket("127.0.0.1", answering.server().port())) {
      String head =
          "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n";
      OutputStream out = socket.getOutputStream();
      out.write(head.formatted(CHAT, 2 * half.length).getBytes(StandardCharsets.UTF_8));
      out.write(half);
      Thread.sleep(200);
      out.write(half);
      assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
          .startsWith("HTTP/1.1 413");
    }
  }

  @Test
  void aBodyThatIsAskedAboutIsRefusedBeforeItIsSent() throws Exception {
    try (Socket socket = new Socket("127.0.0.1", answering.server().port())) {
      String head =
          "POST %s HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5000000\r\n\r\n";
      socket.getOutputStream().write(head.formatted(CHAT).getBytes(StandardCharsets.UTF_8));
      assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
          .startsWith("HTTP/1.1 413");
    }
  }

  @Test
  void pathsAndMethods() {
    assertThat(answering.get("/health").json().path("status").asText()).isEqualTo("ok");
    assertThat(answering.get("/v1/none").status()).isEqualTo(404);
    assertThat(answering.get(CHAT).status()).isEqualTo(405);
    assertThat(answering.ask("/v1/embeddings", "{}").status()).isEqualTo(501);
    assertThat(answering.failures).isEmpty();
  }

  @Test
  void aKeyIsAskedForEverywhereButForHealth() {
    try (RunningServer server = open(Optional.of("s3cret"), Optional.empty())) {
      assertThat(server.get("/health").status()).isEqualTo(200);
      for (String path : List.of("/v1/models", "/metrics", "/api/tags", "/nothing")) {
        assertThat(server.get(path).status()).as(path).isEqualTo(401);
      }
      for (String key : List.of("Bearer s3cre", "Bearer s3cret2", "s3cret", "Bearer")) {
        assertThat(server.send(server.request("/v1/models").header("Authorization", key).build()))
            .extracting(Answer::status)
            .isEqualTo(401);
      }
      assertThat(
              server.send(
                  server.request("/v1/models").header("Authorization", "Bearer s3cret").build()))
          .extracting(Answer::status)
          .isEqualTo(200);
    }
  }

  @Test
  void pagesOfOthersAreLetInOnlyIfAskedFor() {
    String header = "access-control-allow-origin";
    try (RunningServer server = open(Optional.empty(), Optional.empty())) {
      assertThat(server.get("/v1/models").response().headers().firstValue(header)).isEmpty();
    }
    try (RunningServer server = open(Optional.of("key"), Optional.of("https://a.example"))) {
      Answer preflight =
          server.send(server.request(CHAT).method("OPTIONS", BodyPublishers.noBody()).build());
      assertThat(preflight.status()).isEqualTo(204);
      assertThat(preflight.response().headers().firstValue(header)).contains("https://a.example");
    }
  }

  @Test
  void beyondTheQueueClientsAreToldToComeAgain() throws IOException {
    CompletableFuture<HttpResponse<String>> second;
    try (RunningServer server = endless(1, 1)) {
      try (Socket first = new Socket("127.0.0.1", server.server().port())) {
        first
            .getOutputStream()
            .write(http(RunningServer.json(RunningServer.chat("Go on", ENDLESS))));
        await("it runs", () -> isRunning(server, 1));
        second =
            server
                .client()
                .sendAsync(
                    server.post(CHAT, RunningServer.chat("Go on", ",'max_tokens':3")),
                    BodyHandlers.ofString());
        await("the second waits", () -> figure(server, "calidrop_waiting") == 1);
        Answer third = server.ask(CHAT, RunningServer.chat("Go on", ",'max_tokens':3"));
        assertThat(third.status()).isEqualTo(429);
        assertThat(third.json().at("/error/type").asText()).isEqualTo("rate_limit_error");
        assertThat(third.response().headers().firstValue("retry-after")).isPresent();
      }
      assertThat(second.join().statusCode()).isEqualTo(200);
    }
  }

  /** However long an answer may become. */
  @Test
  void aStoreTakesWhatTheMemoryHasLeft() throws IOException {
    CacheOptions cache = EngineOptions.bounded(KvTypes.of(KvType.F16), 64, Optional.empty());
    CacheOptions stored = cache.withStore(Optional.of(StoreOptions.inRam(cache.kvTypes(), 16)));
    try (RunningServer server =
        new RunningServer(
            RunningServer.ENGINE.withCache(stored), settings -> {}, AnsweringModel.endless())) {
      stream(server, ",'max_tokens':10000000").close();
      assertThat(figure(server, "calidrop_memory_bytes"))
          .isLessThanOrEqualTo(figure(server, "calidrop_memory_most_bytes"));
    }
  }

  /** Of a whole answer the client hears nothing before it is there. */
  @ParameterizedTest
  @ValueSource(strings = {"true", "false"})
  void aClientThatLeavesFreesItsPlace(String stream) throws IOException {
    try (RunningServer server = endless(1, 4)) {
      String body =
          RunningServer.json(RunningServer.chat("Go on", ENDLESS + ",'stream':" + stream));
      try (Socket socket = new Socket("127.0.0.1", server.server().port())) {
        socket.getOutputStream().write(http(body));
        await("it runs", () -> isRunning(server, 1));
        // another waits, and leaves, too
        try (Socket other = new Socket("127.0.0.1", server.server().port())) {
          other.getOutputStream().write(http(body));
          await("it waits", () -> figure(server, "calidrop_waiting") == 1);
        }
        await("it left the queue", () -> figure(server, "calidrop_waiting") == 0);
        assertThat(isRunning(server, 1)).isTrue();
      }
      await("its place is free", () -> isRunning(server, 0));
      assertThat(server.ask(CHAT, RunningServer.chat("Go on", ",'max_tokens':2")).status())
          .isEqualTo(200);
      assertThat(server.failures).isEmpty();
    }
  }

  private static byte[] http(String body) {
    return "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s"
        .formatted(CHAT, body.length(), body)
        .getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void aClientThatDoesNotReadIsGivenUp() throws IOException {
    try (RunningServer server = endless(1, 4);
        Socket socket = new Socket()) {
      socket.setReceiveBufferSize(4096);
      socket.connect(new InetSocketAddress("127.0.0.1", server.server().port()));
      String body =
          RunningServer.json(
              RunningServer.chat(
                  "Go on", ",'stream':true,'max_tokens':1000000,'calidrop':{'budget':64}"));
      socket.getOutputStream().write(http(body));
      await("it runs", () -> isRunning(server, 1));
      await("it is given up", () -> isRunning(server, 0));
    }
  }

  @Test
  void answersUnderWayEndAndNewOnesAreRefused() throws Exception {
    List<String> before = threads();
    RunningServer server =
        new RunningServer(
            RunningServer.ENGINE,
            settings -> settings.grace = Duration.ofMinutes(3),
            AnsweringModel.endless());
    InputStream in = stream(server, ",'max_tokens':3000");
    Thread closing = Thread.startVirtualThread(() -> server.server().close());
    await(
        "new ones are refused",
        () -> {
          Answer answer = server.ask(CHAT, RunningServer.chat("Go on", ",'max_tokens':1"));
          return answer.status() == 503;
        });
    String rest = new String(in.readAllBytes(), StandardCharsets.UTF_8);
    assertThat(rest).endsWith("data: [DONE]\n\n").contains("\"finish_reason\":\"length\"");
    closing.join();
    server.client().shutdownNow();
    assertNothingLeft(before);
  }

  @Test
  void whatDoesNotEndInTimeIsCutOff() throws Exception {
    List<String> before = threads();
    RunningServer server =
        new RunningServer(
            RunningServer.ENGINE,
            settings -> {
              settings.parallel = 2;
              settings.queue = 2;
              settings.grace = Duration.ofMillis(200);
            },
            AnsweringModel.endless());
    InputStream in = stream(server, ",'max_tokens':10000000,'calidrop':{'budget':64}");
    Thread closing = Thread.startVirtualThread(() -> server.server().close());
    String rest = "";
    try {
      rest = new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      // cut off in the middle
    }
    assertThat(rest).doesNotContain("[DONE]");
    closing.join();
    server.client().shutdownNow();
    assertNothingLeft(before);
  }

  private static void assertNothingLeft(List<String> before) {
    await(
        "threads end",
        () -> {
          List<String> left = threads();
          before.forEach(left::remove); // each once; of an earlier server there may be some fewer
          return left.isEmpty();
        });
  }

  private static List<String> threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .map(Thread::getName)
        .filter(name -> name.startsWith("calidrop-"))
        .map(name -> name.substring(0, 13))
        .collect(Collectors.toCollection(ArrayList::new));
  }

  @Test
  void boundedCachesSayWhatTheyEvicted() {
    try (RunningServer server = new RunningServer(AnsweringModel.endless())) {
      String more = ",'seed':1,'max_tokens':300,'calidrop':{'budget':64,'policy':'streaming'}";
      Answer answer = server.ask(CHAT, RunningServer.chat("Tell me everything", more));
      JsonNode cache = answer.json().at("/calidrop/cache");
      assertThat(cache.path("evicted").intValue()).isPositive();
      assertThat(cache.path("kept").doubleValue()).isLessThanOrEqualTo(64 + 128);
      Answer headers =
          server.send(
              server
                  .request(CHAT)
                  .header("X-Calidrop-Budget", "64")
                  .header("X-Calidrop-Policy", "streaming")
                  .POST(
                      BodyPublishers.ofString(
                          RunningServer.json(
                              RunningServer.chat(
                                  "Tell me everything", ",'seed':1,'max_tokens':300"))))
                  .build());
      assertThat(headers.content()).isEqualTo(answer.content());
      Answer wrong =
          server.send(
              server
                  .request(CHAT)
                  .header("X-Calidrop-Budget", "much")
                  .POST(BodyPublishers.ofString(RunningServer.json(RunningServer.chat("x", ""))))
                  .build());
      assertThat(wrong.error()).contains("\"much\" is no whole number");
    }
  }

  @Test
  void aRequestHasAStoreOfItsOwn() {
    String more = ",'seed':1,'max_tokens':300,'calidrop':{'budget':64%s}";
    try (RunningServer server = new RunningServer(AnsweringModel.endless())) {
      String chat =
          RunningServer.chat("Go on", more.formatted(",'policy':'streaming','store':'ram'"));
      JsonNode cache = server.ask(CHAT, chat).json().at("/calidrop/cache");
      assertThat(cache.path("stored").intValue())
          .isPositive()
          .isEqualTo(cache.path("evicted").intValue());
      assertThat(cache.path("folded").intValue()).isZero();
      assertThat(cache.path("recomputed_rows").doubleValue()).isBetween(50.0, 256.0);
      double evicted = figure(server, "calidrop_evicted_tokens_total");
      assertThat(evicted).isEqualTo(cache.path("evicted").doubleValue());
      assertThat(figure(server, "calidrop_recalled_rows_total")).isPositive();
      assertThat(figure(server, "calidrop_folded_tokens_total")).isZero();
      Answer headers =
          server.send(
              server
                  .request(CHAT)
                  .header("X-Calidrop-Budget", "64")
                  .header("X-Calidrop-Store", "file")
                  .header("X-Calidrop-Recall", "5")
                  .POST(
                      BodyPublishers.ofString(
                          RunningServer.json(
                              RunningServer.chat("Go on", ",'seed':1,'max_tokens':300"))))
                  .build());
      cache = headers.json().at("/calidrop/cache");
      assertThat(cache.path("recomputed_rows").doubleValue()).isBetween(1.0, 5.0);
      cache =
          server
              .ask(CHAT, RunningServer.chat("Go on", more.formatted("")))
              .json()
              .at("/calidrop/cache");
      assertThat(cache.path("stored").intValue()).isZero();
      assertThat(cache.path("folded").intValue()).isEqualTo(cache.path("evicted").intValue());
      assertThat(figure(server, "calidrop_folded_tokens_total"))
          .isEqualTo(cache.path("folded").doubleValue());
      assertThat(server.failures).isEmpty();
    }
  }

  /** Whose share of the memory holds no store. */
  @Test
  void aStoreThatHasNoRoomIsRefused() throws IOException {
    long model = Files.size(MicroModel.file());
    try (RunningServer server =
        new RunningServer(
            RunningServer.ENGINE,
            settings -> settings.memory = model + 400_000,
            MicroModel.file())) {
      String more = ",'max_tokens':2,'calidrop':{'budget':64,'store':'%s'}";
      Answer answer = server.ask(CHAT, RunningServer.chat("Go on", more.formatted("ram")));
      assertThat(answer.status()).as(answer.body()).isEqualTo(400);
      assertThat(answer.error()).startsWith("store: the budget alone takes an answer's share");
      answer = server.ask(CHAT, RunningServer.chat("Go on", more.formatted("none")));
      assertThat(answer.status()).as(answer.body()).isEqualTo(200);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {CHAT, "/api/chat"})
  void whatACacheHoldsIsToldWhileTheAnswerComes(String path) {
    try (RunningServer server = new RunningServer(AnsweringModel.endless())) {
      String more = ",'model':'endless','stream':true%s,'calidrop':{'budget':64,'live':true}";
      String length = path.equals(CHAT) ? ",'max_tokens':%d" : ",'options':{'num_predict':%d}";
      int tokens = 2000; // some hundreds of milliseconds at least
      List<JsonNode> told = List.of();
      while (told.size() < 2) {
        String chat = RunningServer.chat("Go on", more.formatted(length.formatted(tokens)));
        told =
            server
                .ask(path, chat)
                .body()
                .lines()
                .filter(line -> line.contains("\"cache\""))
                .map(line -> RunningServer.tree(line.replaceFirst("^data: ", "")))
                .filter(event -> !event.path("done").asBoolean())
                .map(event -> event.at("/calidrop/cache"))
                .toList();
        tokens *= 2;
      }
      assertThat(told.getFirst().path("seen").intValue())
          .isLessThan(told.getLast().path("seen").intValue());
      assertThat(told.getLast().path("evicted").intValue()).isPositive();
    }
  }

  /** Of a full cache the second one, of a bounded one the third one begins with what is known. */
  @ParameterizedTest
  @CsvSource({"'',2", "',\"calidrop\":{\"budget\":400}',3"})
  void aSystemMessageIsComputedOnce(String cache, int known) {
    String system = "You know " + "very many things and ".repeat(12);
    String alone;
    try (RunningServer server = new RunningServer(MicroModel.file())) {
      alone = server.ask(CHAT, withSystem(system, "Number 3?", cache)).content();
    }
    try (RunningServer server = new RunningServer(MicroModel.file())) {
      for (int i = 1; i <= 3; i++) {
        Answer answer = server.ask(CHAT, withSystem(system, "Number %d?".formatted(i), cache));
        int cached = answer.json().at("/usage/prompt_tokens_details/cached_tokens").intValue();
        if (i < known) {
          assertThat(cached).as("request %d", i).isZero();
        } else {
          assertThat(cached).as("request %d", i).isGreaterThan(60);
        }
        if (i == 3) {
          assertThat(answer.content()).isEqualTo(alone);
        }
      }
    }
  }

  private static String withSystem(String system, String question, String more) {
    return "{'messages':[{'role':'system','content':'%s'},{'role':'user','content':'%s'}],'seed':9,'max_tokens':12%s}"
        .formatted(system, question, more);
  }

  @Test
  void whatNobodyWantedForLongestGoesWhereMemoryEnds() throws IOException {
    long first = Files.size(AnsweringModel.file());
    long second = Files.size(AnsweringModel.endless());
    try (RunningServer server =
        new RunningServer(
            RunningServer.ENGINE,
            settings -> {
              settings.parallel = 2;
              settings.queue = 2;
              settings.memory = Math.max(first, second) + 500_000;
            },
            AnsweringModel.file(),
            AnsweringModel.endless())) {
      String more = ",'max_tokens':5,'model':";
      for (String name : List.of("answering", "endless", "answering")) {
        Answer answer = server.ask(CHAT, RunningServer.chat("Where?", more + "'" + name + "'"));
        assertThat(answer.status()).as(answer.body()).isEqualTo(200);
        JsonNode loaded = server.get("/api/ps").json().path("models");
        assertThat(loaded).hasSize(1);
        assertThat(loaded.at("/0/name").asText()).isEqualTo(name);
      }
      assertThat(server.engines).hasSize(3);
      Answer large = server.ask(CHAT, RunningServer.chat("Where?", ",'max_tokens':8000"));
      assertThat(large.status()).isEqualTo(400);
      assertThat(large.error()).contains("more than the server has");
      double kept = figure(server, "calidrop_conversations");
      for (int i = 0; i < 12; i++) {
        assertThat(server.ask(CHAT, RunningServer.chat("And " + i, ",'max_tokens':400")).status())
            .isEqualTo(200);
      }
      assertThat(figure(server, "calidrop_conversations")).isBetween(kept, kept + 11);
      assertThat(figure(server, "calidrop_memory_bytes"))
          .isLessThanOrEqualTo(figure(server, "calidrop_memory_most_bytes"));
    }
  }

  private static RunningServer on(Path directory) {
    return new RunningServer(
        RunningServer.ENGINE,
        settings -> {
          settings.parallel = 2;
          settings.queue = 2;
          settings.cacheDirectory = Optional.of(directory);
        },
        MicroModel.file());
  }

  private static String goingOn(String answer) {
    return "{'messages':[{'role':'user','content':'Tell me of the sea and its many fishes'},{'role':'assistant','content':%s},{'role':'user','content':'More'}],'seed':2,'max_tokens':9}"
        .formatted(RunningServer.JSON.valueToTree(answer));
  }

  private static int cached(Answer answer) {
    return answer.json().at("/usage/prompt_tokens_details/cached_tokens").intValue();
  }

  @Test
  void conversationsOutliveTheServer(@TempDir Path directory) throws IOException {
    String first;
    String second;
    String question = "Tell me of the sea and its many fishes";
    try (RunningServer server = on(directory)) {
      first = server.ask(CHAT, RunningServer.chat(question, ",'seed':1,'max_tokens':9")).content();
      second = server.ask(CHAT, goingOn(first)).content();
    }
    Path folder = directory.resolve("chatty");
    assertThat(folder).isDirectoryContaining(file -> file.toString().endsWith(".session"));
    Path unfinished = Files.createFile(folder.resolve(".calidrop-123.tmp"));
    try (RunningServer server = on(directory)) {
      Answer answer = server.ask(CHAT, goingOn(first));
      assertThat(cached(answer)).isGreaterThan(30);
      assertThat(answer.content()).isEqualTo(second);
      assertThat(server.failures).isEmpty();
      assertThat(unfinished).doesNotExist();
    }
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.filter(file -> file.toString().endsWith(".session")).toList()) {
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length / 2] ^= 1;
        Files.write(file, bytes);
      }
    }
    try (RunningServer server = on(directory)) {
      Answer answer = server.ask(CHAT, goingOn(first));
      assertThat(cached(answer)).isZero();
      assertThat(answer.content()).isEqualTo(second);
      assertThat(server.failures).first().asString().contains("is damaged");
    }
  }

  @Test
  void aDirectoryBelongsToOneServerAtATime(@TempDir Path directory) {
    String question = RunningServer.chat("Tell me of the sea", ",'max_tokens':3");
    try (RunningServer first = on(directory)) {
      assertThat(first.ask(CHAT, question).status()).isEqualTo(200);
      try (RunningServer second = on(directory)) {
        assertThat(second.ask(CHAT, question).status()).isEqualTo(200);
        assertThat(second.failures).singleElement().asString().contains("is another server's");
      }
    }
    try (RunningServer third = on(directory)) {
      assertThat(cached(third.ask(CHAT, question))).isPositive();
      assertThat(third.failures).isEmpty();
    }
  }

  @Test
  void pagesOfOtherSitesAreRefused() {
    String chat = RunningServer.chat("What is the capital of France?", "");
    for (String site : List.of("http://evil.example", "null", "http://localhost:1")) {
      Answer answer =
          answering.send(
              answering
                  .request(CHAT)
                  .header("Origin", site)
                  .POST(BodyPublishers.ofString(RunningServer.json(chat)))
                  .build());
      assertThat(answer.status()).isEqualTo(403);
      assertThat(answer.error()).contains(site, "--cors");
    }
    Answer own =
        answering.send(
            answering
                .request("/v1/models")
                .header("Origin", answering.server().uri().toString())
                .build());
    assertThat(own.status()).isEqualTo(200);
  }

  @ParameterizedTest
  @CsvSource({"rebound.example, 403", "localhost.evil.example, 403", "localhost, 200"})
  void aNameThatLeadsHereIsNotThisMachine(String host, String status) throws IOException {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress("127.0.0.1", answering.server().uri().getPort()));
      String request = "GET /v1/models HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n";
      socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
      String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(answer).startsWith("HTTP/1.1 " + status);
    }
  }
}
