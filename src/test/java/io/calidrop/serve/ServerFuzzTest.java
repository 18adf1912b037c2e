package io.calidrop.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.calidrop.AnsweringModel;
import io.calidrop.fuzz.Fuzz;
import io.calidrop.serve.RunningServer.Answer;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Damaged requests: each has an answer or an error in its API's form, none is the server's fault,
 * and the server answers as before.
 */
class ServerFuzzTest {
  private record Asked(String path, String body) {}

  private static final List<Asked> REQUESTS =
      List.of(
          new Asked(
              "/v1/chat/completions",
              "{'model':'answering','messages':[{'role':'developer','content':'é'},{'role':'user','content':[{'type':'text','text':'u'}]}],'max_tokens':3,'n':2,'stop':['x','y'],'seed':-17,'logprobs':true,'top_logprobs':2}"),
          new Asked(
              "/v1/chat/completions",
              "{'messages':[{'role':'user','content':'x'}],'stream':true,'stream_options':{'include_usage':true},'max_completion_tokens':4,'calidrop':{'budget':64,'policy':'h2o'},'tools':[]}"),
          new Asked(
              "/v1/completions",
              "{'prompt':'Once','max_tokens':3,'logprobs':1,'temperature':0.5,'response_format':{'type':'text'},'user':null}"),
          new Asked(
              "/api/chat",
              "{'model':'answering:latest','messages':[{'role':'user','content':'\\\\ud83d\\\\ude00'}],'stream':false,'options':{'num_predict':3,'temperature':0},'think':false,'format':''}"),
          new Asked(
              "/api/generate",
              "{'prompt':'Where?','system':'Be brief.','options':{'num_predict':3},'raw':false,'context':[]}"),
          new Asked("/api/show", "{'model':'answering','name':null}"));

  private static final List<String> PIECES =
      List.of(
          "null",
          "-0",
          "1e999",
          "99999999999999999999",
          "[]",
          "{}",
          "\"\"",
          "\\u0000",
          "\\ud800",
          "\"n\":2,",
          "true",
          "[".repeat(2000),
          "\"stream\":true,",
          "\"messages\":[],",
          "\ufeff");

  private static byte[] mutated(byte[] bytes, Random random) {
    byte[] mutated = Fuzz.mutated(bytes, random);
    String text = new String(mutated, StandardCharsets.ISO_8859_1);
    for (int n = random.nextInt(3); n > 0; n--) {
      int at = random.nextInt(text.length() + 1);
      String piece =
          new String(
              PIECES.get(random.nextInt(PIECES.size())).getBytes(StandardCharsets.UTF_8),
              StandardCharsets.ISO_8859_1);
      text = text.substring(0, at) + piece + text.substring(at);
    }
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  @Test
  void everyRequestHasAnAnswer() {
    String directory = AnsweringModel.file().getParent().toString();
    try (RunningServer server = new RunningServer(AnsweringModel.file())) {
      Fuzz.seeds()
          .forEach(
              seed -> {
                Random random = new Random(seed);
                Asked asked = REQUESTS.get(seed % REQUESTS.size());
                byte[] whole = RunningServer.json(asked.body()).getBytes(StandardCharsets.UTF_8);
                byte[] body = mutated(whole, random);
                Answer answer =
                    server.send(
                        server
                            .request(asked.path())
                            .POST(BodyPublishers.ofByteArray(body))
                            .build());
                check(seed, asked.path(), answer, directory);
              });
      assertThat(server.failures).isEmpty();
      assertThat(server.get("/metrics").body()).contains("calidrop_running 0.0");
      assertThat(server.ask("/v1/chat/completions", RunningServer.chat("Where?", "")).content())
          .isEqualTo(AnsweringModel.ANSWER);
    }
  }

  private static void check(int seed, String path, Answer answer, String directory) {
    String what = "seed %d: %d %s".formatted(seed, answer.status(), answer.body());
    assertThat(answer.body()).as(what).doesNotContain(directory).doesNotContain("Exception");
    if (answer.status() != 200) {
      assertThat(answer.status()).as(what).isIn(400, 404);
      JsonNode error = answer.json().path("error");
      String message = path.startsWith("/api") ? error.asText() : error.path("message").asText();
      assertThat(message).as(what).isNotBlank().hasLineCount(1).hasSizeLessThan(1000);
    }
  }
}
