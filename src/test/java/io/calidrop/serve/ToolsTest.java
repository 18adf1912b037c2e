package io.calidrop.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.calidrop.AnsweringModel;
import io.calidrop.serve.RunningServer.Answer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Calls of functions, and answers in a form that was asked for. */
class ToolsTest {
  private static final String CHAT = "/v1/chat/completions";
  private static final String OLLAMA = "/api/chat";
  private static final String TOOLS =
      ",'tools':[{'type':'function','function':{'name':'f','description':'Of g','parameters':{'type':'object','properties':{'a':{'type':'boolean'}},'required':['a']}}}]";
  private static final String REQUIRED =
      TOOLS + ",'tool_choice':'required','parallel_tool_calls':false,'seed':3";

  private static RunningServer server;

  @BeforeAll
  static void start() {
    server = new RunningServer(AnsweringModel.file());
  }

  @AfterAll
  static void end() {
    server.close();
    assertThat(server.failures).isEmpty();
  }

  private static Answer chat(String more) {
    return server.ask(CHAT, RunningServer.chat("Where?", more));
  }

  private static JsonNode json(String text) {
    try {
      return RunningServer.JSON.readTree(text);
    } catch (IOException e) {
      throw new AssertionError(text, e);
    }
  }

  private static List<JsonNode> lines(Answer answer) {
    return answer.body().lines().map(ToolsTest::json).toList();
  }

  private static void assertCall(JsonNode call) {
    assertThat(call.path("type").asText()).isEqualTo("function");
    assertThat(call.path("id").asText()).hasSize(9);
    assertThat(call.at("/function/name").asText()).isEqualTo("f");
    assertThat(json(call.at("/function/arguments").asText()).path("a").isBoolean()).isTrue();
  }

  @Test
  void anAnswerThatMustCallDoes() {
    JsonNode choice = chat(REQUIRED).json().at("/choices/0");
    assertThat(choice.path("finish_reason").asText()).isEqualTo("tool_calls");
    assertThat(choice.at("/message/content").isNull()).isTrue();
    assertThat(choice.at("/message/tool_calls")).hasSize(1);
    assertCall(choice.at("/message/tool_calls/0"));
  }

  @Test
  void aStreamTellsOfACallAndNotItsText() {
    JsonNode whole = chat(REQUIRED).json().at("/choices/0/message/tool_calls/0");
    Answer streamed = chat(REQUIRED + ",'stream':true");
    assertThat(streamed.streamed(0)).isEmpty();
    List<JsonNode> calls = new ArrayList<>();
    streamed.events().forEach(e -> e.at("/choices/0/delta/tool_calls").forEach(calls::add));
    assertThat(calls).hasSize(1);
    assertThat(calls.getFirst().path("index").intValue()).isZero();
    assertCall(calls.getFirst());
    assertThat(calls.getFirst().path("function")).isEqualTo(whole.path("function"));
    assertThat(calls.getFirst().path("id")).isEqualTo(whole.path("id"));
    List<JsonNode> events = streamed.events();
    assertThat(events.getFirst().at("/choices/0/delta/role").asText()).isEqualTo("assistant");
    assertThat(events.getLast().at("/choices/0/finish_reason").asText()).isEqualTo("tool_calls");
  }

  @Test
  void anAnswerThatMayCallMayBeAText() {
    JsonNode choice = chat(TOOLS).json().at("/choices/0");
    assertThat(choice.at("/message/content").asText()).isEqualTo(AnsweringModel.ANSWER);
    assertThat(choice.path("finish_reason").asText()).isEqualTo("stop");
    assertThat(choice.path("message").has("tool_calls")).isFalse();
    Answer streamed = chat(TOOLS + ",'stream':true");
    assertThat(streamed.streamed(0)).isEqualTo(AnsweringModel.ANSWER);
    assertThat(streamed.events().size()).isGreaterThan(5);
    assertThat(chat(TOOLS + ",'tool_choice':'none'").content()).isEqualTo(AnsweringModel.ANSWER);
  }

  @Test
  void textThatIsHeldBackLosesNoProbabilities() {
    String more = REQUIRED + ",'logprobs':true";
    JsonNode whole = chat(more).json();
    JsonNode tokens = whole.at("/choices/0/logprobs/content");
    assertThat(tokens).hasSize(whole.at("/usage/completion_tokens").intValue());
    List<JsonNode> streamed = new ArrayList<>();
    chat(more + ",'stream':true")
        .events()
        .forEach(event -> event.at("/choices/0/logprobs/content").forEach(streamed::add));
    assertThat(streamed).containsExactlyElementsOf(tokens);
  }

  @Test
  void whatAFunctionSaidIsAnswered() {
    Answer answer =
        server.ask(
            CHAT,
            "{'messages':[{'role':'user','content':'Where?'},{'role':'assistant','content':null,'tool_calls':[{'id':'abcdef123','type':'function','function':{'name':'f','arguments':'{}'}}]},{'role':'tool','tool_call_id':'abcdef123','content':'here'}]"
                + TOOLS
                + "}");
    assertThat(answer.content()).isEqualTo(AnsweringModel.ANSWER);
  }

  @Test
  void anAnswerHasTheFormThatIsAskedFor() {
    String schema =
        ",'response_format':{'type':'json_schema','json_schema':{'name':'n','schema':{'type':'object','properties':{'n':{'enum':[7]}},'required':['n'],'additionalProperties':false}}}";
    Answer whole = chat(schema);
    assertThat(json(whole.content())).isEqualTo(json("{\"n\":7}"));
    assertThat(whole.json().at("/choices/0/finish_reason").asText()).isEqualTo("stop");
    assertThat(json(chat(schema + ",'stream':true").streamed(0))).isEqualTo(json("{\"n\":7}"));
    Answer object = chat(",'response_format':{'type':'json_object'},'max_tokens':1");
    assertThat(object.content()).isEqualTo("{");
    assertThat(chat(",'response_format':{'type':'text'}").content())
        .isEqualTo(AnsweringModel.ANSWER);
    Answer wrong =
        chat(
            ",'response_format':{'type':'json_schema','json_schema':{'name':'n','schema':{'not':{}}}}");
    assertThat(wrong.status()).isEqualTo(400);
    assertThat(wrong.error()).isEqualTo("response_format: the schema: not is not supported");
  }

  @Test
  void ollamasCallsHaveItsForm() {
    JsonNode whole =
        server.ask(OLLAMA, RunningServer.chat("Where?", REQUIRED + ",'stream':false")).json();
    assertThat(whole.at("/message/content").asText("x")).isEmpty();
    assertThat(whole.at("/message/tool_calls/0/function/name").asText()).isEqualTo("f");
    assertThat(whole.at("/message/tool_calls/0/function/arguments/a").isBoolean()).isTrue();
    assertThat(whole.path("done_reason").asText()).isEqualTo("stop");
    List<JsonNode> streamed = lines(server.ask(OLLAMA, RunningServer.chat("Where?", REQUIRED)));
    assertThat(streamed).hasSize(2);
    assertThat(streamed.getFirst().at("/message/tool_calls"))
        .isEqualTo(whole.at("/message/tool_calls"));
    assertThat(streamed.getFirst().path("done").asBoolean(true)).isFalse();
    assertThat(streamed.getLast().path("done").asBoolean()).isTrue();
    Answer next =
        server.ask(
            OLLAMA,
            "{'messages':[{'role':'user','content':'Where?'},{'role':'assistant','content':'','tool_calls':[{'function':{'name':'f','arguments':{'a':true}}}]},{'role':'tool','tool_name':'f','content':'here'}],'stream':false"
                + TOOLS
                + "}");
    assertThat(next.json().at("/message/content").asText()).isEqualTo(AnsweringModel.ANSWER);
    Answer generate = server.ask("/api/generate", "{'prompt':'Where?'" + TOOLS + "}");
    assertThat(generate.json().path("error").asText()).isEqualTo("tools: they are for /api/chat");
  }

  @Test
  void ollamasFormatIsTheFormOfAnAnswer() {
    String more = ",'stream':false,'format':";
    Answer schema = server.ask(OLLAMA, RunningServer.chat("Where?", more + "{'const':[1]}"));
    assertThat(schema.json().at("/message/content").asText()).isEqualTo("[1]");
    Answer object =
        server.ask(
            "/api/generate", "{'prompt':'Where?','options':{'num_predict':1}" + more + "'json'}");
    assertThat(object.json().path("response").asText()).isEqualTo("{");
  }
}
