package io.calidrop.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.calidrop.AnsweringModel;
import io.calidrop.gguf.GgufCopy;
import io.calidrop.serve.RunningServer.Answer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Ollama's API. */
class OllamaTest {
  private static RunningServer server;

  @BeforeAll
  static void start() {
    server = new RunningServer(AnsweringModel.file());
  }

  @AfterAll
  static void end() {
    server.close();
  }

  private static List<JsonNode> lines(Answer answer) {
    List<JsonNode> lines = new ArrayList<>();
    try {
      for (String line : answer.body().split("\n")) {
        lines.add(RunningServer.JSON.readTree(line));
      }
    } catch (IOException e) {
      throw new AssertionError(answer.body(), e);
    }
    return lines;
  }

  @Test
  void aChatIsAStreamUnlessAskedOtherwise() {
    String body =
        "{'model':'answering:latest','messages':[{'role':'user','content':'Where?'}],'keep_alive':'5m','options':{'temperature':0,'num_ctx':2048,'num_predict':20}";
    Answer streamed = server.ask("/api/chat", body + "}");
    assertThat(streamed.response().headers().firstValue("content-type"))
        .contains("application/x-ndjson");
    List<JsonNode> lines = lines(streamed);
    StringBuilder text = new StringBuilder();
    lines.forEach(line -> text.append(line.at("/message/content").asText()));
    assertThat(text.toString()).isEqualTo(AnsweringModel.ANSWER);
    assertThat(lines.getFirst().path("done").asBoolean()).isFalse();
    JsonNode last = lines.getLast();
    assertThat(last.path("done").asBoolean()).isTrue();
    assertThat(last.path("done_reason").asText()).isEqualTo("stop");
    assertThat(last.path("eval_count").intValue()).isEqualTo(7);
    JsonNode whole = server.ask("/api/chat", body + ",'stream':false}").json();
    assertThat(whole.at("/message/content").asText()).isEqualTo(AnsweringModel.ANSWER);
    assertThat(whole.path("model").asText()).isEqualTo("answering");
  }

  @Test
  void textsAreAnsweredOrContinued() {
    String body = "{'model':'answering','prompt':'Where?','system':'Be brief.','stream':false";
    assertThat(server.ask("/api/generate", body + "}").json().path("response").asText())
        .isEqualTo(AnsweringModel.ANSWER);
    JsonNode raw =
        server
            .ask(
                "/api/generate",
                "{'prompt':'The','raw':true,'stream':false,'options':{'temperature':0,'num_predict':2}}")
            .json();
    assertThat(raw.path("response").asText()).isEqualTo(" capital of");
    assertThat(raw.path("done_reason").asText()).isEqualTo("length");
    JsonNode loaded = server.ask("/api/generate", "{'model':'answering'}").json();
    assertThat(loaded.path("done_reason").asText()).isEqualTo("load");
  }

  @Test
  void modelsAreListedAndDescribed() {
    JsonNode tag = server.get("/api/tags").json().at("/models/0");
    assertThat(tag.path("name").asText()).isEqualTo("answering");
    assertThat(tag.path("size").longValue()).isPositive();
    assertThat(tag.at("/details/family").asText()).isEqualTo("llama");
    JsonNode show = server.ask("/api/show", "{'model':'answering'}").json();
    assertThat(show.path("model_info").path("llama.block_count").intValue()).isEqualTo(2);
    assertThat(show.path("template").asText()).contains("im_start");
    assertThat(show.toString()).doesNotContain(AnsweringModel.file().getParent().toString());
    assertThat(server.get("/api/version").json().path("version").asText()).isNotEmpty();
  }

  @Test
  void recommendedSamplingIsShownAsAModelfileHasIt(@TempDir Path directory) throws IOException {
    Path model = directory.resolve("sampled.gguf");
    Map<String, Object> sampling =
        Map.of("temp", 0.6f, "top_k", 20, "penalty_last_n", 256, "penalty_repeat", 1.05f);
    Map<String, Object> changes = new HashMap<>(Map.of("general.file_type", 15));
    sampling.forEach((name, value) -> changes.put("general.sampling." + name, value));
    GgufCopy.write(AnsweringModel.file(), model, changes);
    try (RunningServer sampled = new RunningServer(model)) {
      JsonNode show = sampled.ask("/api/show", "{'model':'sampled'}").json();
      assertThat(show.path("parameters").asText().lines())
          .containsExactly(
              "temperature                    0.6",
              "top_k                          20",
              "repeat_penalty                 1.05",
              "repeat_last_n                  256");
      assertThat(show.at("/details/quantization_level").asText()).isEqualTo("Q4_K_M");
      assertThat(show.at("/details/parameter_size").asText()).isEqualTo("0.3M");
      assertThat(show.at("/model_info/general.parameter_count").longValue()).isPositive();
    }
  }

  @Test
  void errorsAreOllamas() {
    Answer unknown =
        server.ask("/api/chat", "{'model':'x','messages':[{'role':'user','content':'x'}]}");
    assertThat(unknown.status()).isEqualTo(404);
    assertThat(unknown.json().path("error").asText()).startsWith("there is no model \"x\"");
    Answer option =
        server.ask(
            "/api/chat", "{'messages':[{'role':'user','content':'x'}],'options':{'mirostat':2}}");
    assertThat(option.json().path("error").asText()).startsWith("unknown field \"mirostat\"");
    assertThat(server.ask("/api/pull", "{'model':'x'}").status()).isEqualTo(501);
  }
}
