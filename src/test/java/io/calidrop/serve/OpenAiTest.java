package io.calidrop.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.calidrop.AnsweringModel;
import io.calidrop.MicroModel;
import io.calidrop.generate.ChatMessage;
import io.calidrop.generate.ChatSession;
import io.calidrop.generate.Engine;
import io.calidrop.generate.GenerationOptions;
import io.calidrop.sampling.SamplerOptions;
import io.calidrop.serve.RunningServer.Answer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** OpenAI's API: what is asked for comes, in its form, and is what the engine says alone. */
class OpenAiTest {
  private static final String CHAT = "/v1/chat/completions";
  private static final String COMPLETION = "/v1/completions";

  private static RunningServer answering;
  private static RunningServer micro;
  private static Engine engine;

  @BeforeAll
  static void start() {
    answering = new RunningServer(AnsweringModel.file());
    micro = new RunningServer(MicroModel.file());
    engine = Engine.load(MicroModel.file(), RunningServer.ENGINE);
  }

  @AfterAll
  static void end() {
    answering.close();
    micro.close();
    engine.close();
  }

  /** What the engine says alone. */
  private static String alone(String question, long seed, int tokens) {
    GenerationOptions options =
        new GenerationOptions(tokens, SamplerOptions.defaults().withSeed(seed), List.of());
    try (ChatSession chat = engine.chat(options)) {
      return chat.send(question).text();
    }
  }

  @Test
  void aWholeChat() {
    Answer answer = answering.ask(CHAT, RunningServer.chat("Where?", ",'seed':5"));
    assertThat(answer.status()).isEqualTo(200);
    assertThat(answer.content()).isEqualTo(AnsweringModel.ANSWER);
    JsonNode json = answer.json();
    assertThat(json.path("object").asText()).isEqualTo("chat.completion");
    assertThat(json.path("model").asText()).isEqualTo("answering");
    assertThat(json.at("/choices/0/finish_reason").asText()).isEqualTo("stop");
    assertThat(json.at("/choices/0/message/role").asText()).isEqualTo("assistant");
    int prompt = json.at("/usage/prompt_tokens").intValue();
    int completion = json.at("/usage/completion_tokens").intValue();
    assertThat(prompt).isPositive();
    assertThat(completion).isEqualTo(7);
    assertThat(json.at("/usage/total_tokens").intValue()).isEqualTo(prompt + completion);
    assertThat(json.at("/calidrop/seed").longValue()).isEqualTo(5);
    assertThat(json.at("/calidrop/cache/seen").intValue()).isEqualTo(prompt + completion);
  }

  @Test
  void aStreamedChat() {
    Answer answer =
        answering.ask(
            CHAT,
            RunningServer.chat("Where?", ",'stream':true,'stream_options':{'include_usage':true}"));
    assertThat(answer.response().headers().firstValue("content-type"))
        .contains("text/event-stream");
    assertThat(answer.body()).endsWith("data: [DONE]\n\n");
    assertThat(answer.streamed(0)).isEqualTo(AnsweringModel.ANSWER);
    List<JsonNode> events = answer.events();
    assertThat(events.size()).isGreaterThan(5);
    assertThat(events.getFirst().at("/choices/0/delta/role").asText()).isEqualTo("assistant");
    assertThat(events.get(events.size() - 2).at("/choices/0/finish_reason").asText())
        .isEqualTo("stop");
    assertThat(events.getLast().path("choices")).isEmpty();
    assertThat(events.getLast().at("/usage/completion_tokens").intValue()).isEqualTo(7);
  }

  @Test
  void aCompletionContinuesTheTextAsItStands() {
    String body = "{'prompt':'The','max_tokens':3,'seed':1}";
    String expected =
        engine
            .complete(
                "The",
                GenerationOptions.defaults()
                    .withMaxTokens(3)
                    .withSampling(SamplerOptions.defaults().withSeed(1)))
            .text();
    Answer whole = micro.ask(COMPLETION, body);
    assertThat(whole.json().at("/choices/0/text").asText()).isEqualTo(expected);
    assertThat(whole.json().at("/choices/0/finish_reason").asText()).isEqualTo("length");
    assertThat(micro.ask(COMPLETION, body.replace("}", ",'stream':true}")).streamed(0))
        .isEqualTo(expected);
  }

  @Test
  void manyAtATimeAreTheSameAsAlone() {
    Map<Integer, String> texts = new ConcurrentHashMap<>();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      int seed = i;
      threads.add(
          Thread.startVirtualThread(
              () -> {
                boolean stream = seed % 2 == 0;
                Answer answer =
                    micro.ask(
                        CHAT,
                        RunningServer.chat(
                            question(seed),
                            ",'seed':%d,'max_tokens':%d,'stream':%s"
                                .formatted(seed, 10 + seed, stream)));
                texts.put(seed, stream ? answer.streamed(0) : answer.content());
              }));
    }
    threads.forEach(OpenAiTest::join);
    for (int i = 0; i < 12; i++) {
      assertThat(texts.get(i)).as("seed " + i).isEqualTo(alone(question(i), i, 10 + i));
    }
  }

  /** Some are long, so that they come in pieces while others go on. */
  private static String question(int seed) {
    return "Tell me about " + "many things and ".repeat(1 + seed * seed) + seed;
  }

  private static void join(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void severalAnswersHaveSeedsOfTheirOwn() {
    Answer answer =
        micro.ask(
            CHAT,
            RunningServer.chat("What is there to say of it?", ",'n':3,'seed':7,'max_tokens':12"));
    List<String> texts =
        IntStream.range(0, 3)
            .mapToObj(i -> answer.json().at("/choices/%d/message/content".formatted(i)).asText())
            .toList();
    List<String> expected =
        IntStream.range(0, 3)
            .mapToObj(i -> alone("What is there to say of it?", 7 + i, 12))
            .toList();
    assertThat(texts).isEqualTo(expected);
    Answer streamed =
        micro.ask(
            CHAT,
            RunningServer.chat(
                "What is there to say of it?", ",'n':3,'seed':7,'max_tokens':12,'stream':true"));
    assertThat(IntStream.range(0, 3).mapToObj(streamed::streamed)).isEqualTo(expected);
  }

  @Test
  void aConversationThatGoesOnFindsItsState() {
    String question = "What do you know about the sea and its fishes?";
    String first =
        micro.ask(CHAT, RunningServer.chat(question, ",'seed':3,'max_tokens':20")).content();
    String body =
        RunningServer.json(
            "{'messages':[{'role':'user','content':'%s'},{'role':'assistant','content':%s},{'role':'user','content':'And the land?'}],'seed':4,'max_tokens':20}"
                .formatted(question, RunningServer.JSON.valueToTree(first)));
    Answer answer =
        micro.send(
            micro
                .request(CHAT)
                .POST(java.net.http.HttpRequest.BodyPublishers.ofString(body))
                .build());
    assertThat(answer.json().at("/usage/prompt_tokens_details/cached_tokens").intValue())
        .isGreaterThan(30);
    int[] prompt =
        engine
            .template()
            .encode(
                List.of(
                    ChatMessage.user(question),
                    ChatMessage.assistant(first),
                    ChatMessage.user("And the land?")),
                true,
                engine.tokenizer());
    assertThat(answer.json().at("/usage/prompt_tokens").intValue()).isEqualTo(prompt.length);
    String again =
        micro.ask(CHAT, body.replace("\"seed\":4", "\"seed\":4,\"calidrop\":{}")).content();
    assertThat(again).isEqualTo(answer.content());
    try (RunningServer fresh = new RunningServer(MicroModel.file())) {
      assertThat(fresh.ask(CHAT, body).content()).isEqualTo(answer.content());
    }
  }

  @Test
  void modelsAreListed() {
    JsonNode list = answering.get("/v1/models").json();
    assertThat(list.at("/data/0/id").asText()).isEqualTo("answering");
    assertThat(answering.get("/v1/models/answering").json().path("object").asText())
        .isEqualTo("model");
    assertThat(answering.get("/v1/models/other").status()).isEqualTo(404);
  }

  @Test
  void probabilitiesAreTold() {
    String more = ",'seed':2,'max_tokens':8,'logprobs':true,'top_logprobs':3";
    JsonNode whole = micro.ask(CHAT, RunningServer.chat("What then?", more)).json();
    JsonNode tokens = whole.at("/choices/0/logprobs/content");
    assertThat(tokens).hasSize(8);
    StringBuilder text = new StringBuilder();
    for (JsonNode token : tokens) {
      text.append(token.path("token").asText());
      assertThat(token.path("logprob").doubleValue()).isNegative();
      assertThat(token.path("top_logprobs")).hasSize(3);
      double best = token.at("/top_logprobs/0/logprob").doubleValue();
      assertThat(best).isGreaterThanOrEqualTo(token.at("/top_logprobs/1/logprob").doubleValue());
      assertThat(best).isGreaterThanOrEqualTo(token.path("logprob").doubleValue());
    }
    assertThat(text.toString()).isEqualTo(whole.at("/choices/0/message/content").asText());
    List<JsonNode> streamed = new ArrayList<>();
    micro
        .ask(CHAT, RunningServer.chat("What then?", more + ",'stream':true"))
        .events()
        .forEach(event -> event.at("/choices/0/logprobs/content").forEach(streamed::add));
    assertThat(streamed).containsExactlyElementsOf(tokens);
    JsonNode completion =
        micro.ask(COMPLETION, "{'prompt':'The','max_tokens':4,'logprobs':2,'seed':1}").json();
    assertThat(completion.at("/choices/0/logprobs/tokens"))
        .hasSize(completion.at("/usage/completion_tokens").intValue());
    assertThat(completion.at("/choices/0/logprobs/top_logprobs/0")).hasSize(2);
  }

  @Test
  void stopTextsEndAnAnswer() {
    Answer answer = answering.ask(CHAT, RunningServer.chat("Where?", ",'stop':[' is']"));
    assertThat(answer.content()).isEqualTo("The capital of France");
    assertThat(answer.json().at("/choices/0/finish_reason").asText()).isEqualTo("stop");
  }
}
