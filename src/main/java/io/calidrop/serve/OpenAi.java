package io.calidrop.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calidrop.batch.RequestFormat;
import io.calidrop.generate.GenerationResult;
import io.calidrop.generate.StopReason;
import io.calidrop.generate.ToolAnswer;
import io.calidrop.tokenizer.Tokenizer;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** OpenAI's API: chats, completions and the list of models. Threads may share it. */
final class OpenAi {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
  private static final String STREAM = "text/event-stream";

  private final Answers answers;
  private final long started = System.currentTimeMillis() / 1000;

  OpenAi(Answers answers) {
    this.answers = answers;
  }

  /** Answers a conversation. */
  void chat(Exchange exchange) throws IOException {
    JsonNode json = exchange.json();
    answers.answer(exchange, RequestFormat.CHAT, json, new Reply(exchange, true));
  }

  /** Continues a text. */
  void completion(Exchange exchange) throws IOException {
    JsonNode json = exchange.json();
    answers.answer(exchange, RequestFormat.COMPLETION, json, new Reply(exchange, false));
  }

  /** Lists the models. */
  void models(Exchange exchange) throws IOException {
    ObjectNode list = JSON.objectNode().put("object", "list");
    ArrayNode data = list.putArray("data");
    answers.models().names().forEach(name -> data.add(model(name)));
    exchange.send(200, list);
  }

  /** Describes a model. */
  void model(Exchange exchange, String name) throws IOException {
    exchange.send(200, model(answers.models().named(Optional.of(name))));
  }

  private ObjectNode model(String name) {
    return JSON.objectNode()
        .put("id", name)
        .put("object", "model")
        .put("created", started)
        .put("owned_by", "calidrop");
  }

  /** What is wrong, in the form that clients know. */
  static ObjectNode error(ApiException e) {
    ObjectNode body = JSON.objectNode();
    body.putObject("error")
        .put("message", e.getMessage())
        .put("type", e.type())
        .putNull("param")
        .put("code", e.code());
    return body;
  }

  /** Why an answer ended, in a word that clients know. */
  static String reason(StopReason reason) {
    return switch (reason) {
      case END_TOKEN, STOP_STRING, COMPLETE -> "stop";
      case LENGTH, CONTEXT_FULL, INTERRUPTED -> "length";
    };
  }

  /** Writes one request's answers, whole or as they come. */
  private static final class Reply implements Answers.Listener {
    private final Exchange exchange;
    private final boolean chat;
    private final String id;
    private final long created = System.currentTimeMillis() / 1000;
    private final ObjectNode usage = JSON.objectNode();
    private final ObjectNode own = JSON.objectNode();
    private final ArrayNode choices = JSON.arrayNode();
    private Answers.Asked asked;
    private boolean begun;
    private boolean[] opened; // [answers] whose role was told
    private int open;

    Reply(Exchange exchange, boolean chat) {
      this.exchange = exchange;
      this.chat = chat;
      id = (chat ? "chatcmpl-" : "cmpl-") + UUID.randomUUID().toString().replace("-", "");
    }

    @Override
    public void accepted(Answers.Asked asked) {
      this.asked = asked;
      open = asked.body().delivery().answers();
      opened = new boolean[open];
      for (int i = 0; i < open; i++) {
        choices.addObject();
      }
      usage.put("prompt_tokens", asked.promptTokens()).put("completion_tokens", 0);
    }

    @Override
    public void waiting() throws IOException {
      begin();
      exchange.raw(": waiting\n\n", false);
    }

    private void begin() {
      if (!begun) {
        begun = true;
        exchange.begin(STREAM);
      }
    }

    @Override
    public void text(Outbox.Event.Text text) throws IOException {
      int answer = text.answer();
      ObjectNode choice = JSON.objectNode().put("index", answer);
      if (chat) {
        delta(choice, answer).put("content", text.piece());
      } else {
        choice.put("text", text.piece());
      }
      choice.set("logprobs", logprobs(text.tokens()));
      piece(choice.putNull("finish_reason"));
    }

    @Override
    public void memory(Outbox.Event.Memory memory) throws IOException {
      if (memory.answer() == 0) {
        ObjectNode chunk = head(chunkName());
        chunk.putArray("choices");
        chunk.putObject("calidrop").set("cache", Accounts.of(memory.cache()));
        event(chunk);
      }
    }

    private ObjectNode delta(ObjectNode choice, int answer) {
      ObjectNode delta = choice.putObject("delta");
      if (!opened[answer]) {
        opened[answer] = true;
        delta.put("role", "assistant").put("content", "");
      }
      return delta;
    }

    /** Calls come whole, in a piece of their own. */
    private void calls(Outbox.Event.Done done) throws IOException {
      ObjectNode choice = JSON.objectNode().put("index", done.answer());
      delta(choice, done.answer()).set("tool_calls", Calls.ofOpenAi(done.said().calls(), true));
      piece(choice.putNull("logprobs").putNull("finish_reason"));
    }

    private void piece(ObjectNode choice) throws IOException {
      ObjectNode chunk = head(chunkName());
      chunk.putArray("choices").add(choice);
      if (asked.body().delivery().usage()) {
        chunk.putNull("usage");
      }
      event(chunk);
    }

    private String chunkName() {
      return chat ? "chat.completion.chunk" : "text_completion";
    }

    private void event(ObjectNode chunk) throws IOException {
      begin();
      exchange.piece("data: ", chunk, "\n\n");
    }

    private ObjectNode head(String object) {
      return JSON.objectNode()
          .put("id", id)
          .put("object", object)
          .put("created", created)
          .put("model", asked.model().name());
    }

    @Override
    public void done(Outbox.Event.Done done) throws IOException {
      ToolAnswer said = done.said();
      boolean calls = !said.calls().isEmpty();
      count(done);
      open--;
      boolean stream = asked.body().delivery().stream();
      if (stream && calls) {
        calls(done);
      }
      ObjectNode choice = stream ? JSON.objectNode() : (ObjectNode) choices.get(done.answer());
      choice.put("index", done.answer());
      if (!chat) {
        choice.put("text", stream ? "" : said.text());
      } else if (stream) {
        delta(choice, done.answer());
      } else {
        String content = calls && said.text().isEmpty() ? null : said.text();
        ObjectNode message = choice.putObject("message").put("role", "assistant");
        message.put("content", content).putNull("refusal");
        if (calls) {
          message.set("tool_calls", Calls.ofOpenAi(said.calls(), false));
        }
      }
      choice.set("logprobs", logprobs(done.tokens()));
      choice.put("finish_reason", calls ? "tool_calls" : reason(done.result().stopReason()));
      if (stream) {
        piece(choice);
      }
      if (open == 0) {
        end(stream);
      }
    }

    private void end(boolean stream) throws IOException {
      ObjectNode last = head(chat ? "chat.completion" : "text_completion");
      if (!stream) {
        last.set("choices", choices);
        last.set("usage", usage);
        last.set("calidrop", own);
        exchange.send(200, last);
        return;
      }
      if (asked.body().delivery().usage()) {
        last.put("object", chunkName());
        last.putArray("choices");
        last.set("usage", usage);
        last.set("calidrop", own);
        event(last);
      }
      exchange.raw("data: [DONE]\n\n", true);
    }

    private void count(Outbox.Event.Done done) {
      GenerationResult result = done.result();
      int completion = usage.get("completion_tokens").intValue() + result.tokens().length;
      usage.put("completion_tokens", completion);
      usage.put("total_tokens", asked.promptTokens() + completion);
      if (done.answer() == 0) {
        usage.putObject("prompt_tokens_details").put("cached_tokens", done.begun().seen());
        own.setAll(Accounts.of(result, done.begun()));
      }
    }

    private JsonNode logprobs(List<Probability> tokens) {
      if (asked.body().delivery().logprobs().isEmpty()) {
        return JSON.nullNode();
      }
      Tokenizer tokenizer = asked.model().engine().tokenizer();
      return chat ? Logprobs.ofChat(tokens, tokenizer) : Logprobs.ofCompletion(tokens, tokenizer);
    }

    @Override
    public boolean failed(ApiException why) throws IOException {
      if (begun) {
        exchange.piece("data: ", error(why), "\n\n");
      }
      return begun;
    }
  }
}
