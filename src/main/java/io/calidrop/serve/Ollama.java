package io.calidrop.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calidrop.batch.RequestFormat;
import io.calidrop.generate.GenerationResult;
import io.calidrop.generate.ToolCall;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** Ollama's API: chats and texts, and what there is of models. Threads may share it. */
final class Ollama {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
  private static final String STREAM = "application/x-ndjson";

  private final Answers answers;
  private final ModelFiles files;

  Ollama(Answers answers) {
    this.answers = answers;
    files = new ModelFiles(answers.models());
  }

  /** Answers a conversation; without one the model is loaded. */
  void chat(Exchange exchange) throws IOException {
    ObjectNode json = object(exchange);
    Reply reply = new Reply(exchange, true);
    if (json.path("messages").isEmpty()) {
      load(json, reply);
    } else {
      answers.answer(exchange, RequestFormat.CHAT, OllamaFields.chat(json), reply);
    }
  }

  /** Answers a question or continues a text; without one the model is loaded. */
  void generate(Exchange exchange) throws IOException {
    ObjectNode json = object(exchange);
    Reply reply = new Reply(exchange, false);
    if (json.path("prompt").asText("").isEmpty()) {
      load(json, reply);
    } else if (json.path("raw").asBoolean()) {
      answers.answer(exchange, RequestFormat.COMPLETION, OllamaFields.completion(json), reply);
    } else {
      answers.answer(exchange, RequestFormat.CHAT, OllamaFields.question(json), reply);
    }
  }

  private static ObjectNode object(Exchange exchange) throws IOException {
    if (exchange.json() instanceof ObjectNode object) {
      return object;
    }
    throw ApiException.badRequest("the request is no JSON object");
  }

  private void load(ObjectNode json, Reply reply) throws IOException {
    String name = answers.models().named(Optional.ofNullable(json.path("model").textValue()));
    answers.models().acquire(name).close();
    reply.loaded(name);
  }

  /** Lists the models. */
  void tags(Exchange exchange) throws IOException {
    ObjectNode list = JSON.objectNode();
    ArrayNode models = list.putArray("models");
    for (String name : answers.models().names()) {
      models.add(files.tag(name));
    }
    exchange.send(200, list);
  }

  /** Lists those that are loaded. */
  void loaded(Exchange exchange) throws IOException {
    ObjectNode list = JSON.objectNode();
    ArrayNode models = list.putArray("models");
    for (ServedModel model : answers.models().loaded()) {
      models.add(files.tag(model.name()));
    }
    exchange.send(200, list);
  }

  /** Describes a model. */
  void show(Exchange exchange) throws IOException {
    ObjectNode json = object(exchange);
    JsonNode name = json.has("model") ? json.get("model") : json.path("name");
    exchange.send(200, files.show(answers.models().named(Optional.ofNullable(name.textValue()))));
  }

  void version(Exchange exchange) throws IOException {
    String version = Ollama.class.getPackage().getImplementationVersion();
    exchange.send(200, JSON.objectNode().put("version", version == null ? "0.0.0" : version));
  }

  static ObjectNode error(ApiException e) {
    return JSON.objectNode().put("error", e.getMessage());
  }

  /** Writes one request's answer, whole or a line for each piece. */
  private static final class Reply implements Answers.Listener {
    private final Exchange exchange;
    private final boolean chat;
    private final long start = System.nanoTime();
    private Answers.Asked asked;
    private boolean begun;

    Reply(Exchange exchange, boolean chat) {
      this.exchange = exchange;
      this.chat = chat;
    }

    @Override
    public void accepted(Answers.Asked asked) {
      this.asked = asked;
    }

    @Override
    public void waiting() {
      // A stream of lines has no word for it.
    }

    @Override
    public void text(Outbox.Event.Text text) throws IOException {
      line(content(asked.model().name(), text.piece()).put("done", false), false);
    }

    @Override
    public void memory(Outbox.Event.Memory memory) throws IOException {
      ObjectNode object = content(asked.model().name(), "").put("done", false);
      object.putObject("calidrop").set("cache", Accounts.of(memory.cache()));
      line(object, false);
    }

    private void line(ObjectNode object, boolean last) throws IOException {
      if (!begun) {
        begun = true;
        exchange.begin(STREAM);
      }
      exchange.raw(Exchange.text(object) + "\n", last);
    }

    private ObjectNode content(String model, String text) {
      ObjectNode object =
          JSON.objectNode().put("model", model).put("created_at", Instant.now().toString());
      if (chat) {
        object.putObject("message").put("role", "assistant").put("content", text);
      } else {
        object.put("response", text);
      }
      return object;
    }

    private ObjectNode withCalls(ObjectNode object, List<ToolCall> calls) {
      ((ObjectNode) object.get("message")).set("tool_calls", Calls.ofOllama(calls));
      return object;
    }

    void loaded(String model) throws IOException {
      exchange.send(200, content(model, "").put("done", true).put("done_reason", "load"));
    }

    @Override
    public void done(Outbox.Event.Done done) throws IOException {
      boolean stream = asked.body().delivery().stream();
      List<ToolCall> calls = done.said().calls();
      ObjectNode last = content(asked.model().name(), stream ? "" : done.said().text());
      if (!calls.isEmpty() && stream) {
        line(withCalls(content(asked.model().name(), ""), calls).put("done", false), false);
      } else if (!calls.isEmpty()) {
        withCalls(last, calls);
      }
      last.put("done", true).put("done_reason", OpenAi.reason(done.result().stopReason()));
      GenerationResult.Timings timings = done.result().timings();
      last.put("total_duration", System.nanoTime() - start)
          .put("load_duration", 0)
          .put("prompt_eval_count", asked.promptTokens())
          .put("prompt_eval_duration", timings.promptNanos())
          .put("eval_count", done.result().tokens().length)
          .put("eval_duration", timings.decodeNanos());
      last.set("calidrop", Accounts.of(done.result(), done.begun()));
      if (stream) {
        line(last, true);
      } else {
        exchange.send(200, last);
      }
    }

    @Override
    public boolean failed(ApiException why) throws IOException {
      if (begun) {
        line(error(why), false);
      }
      return begun;
    }
  }
}
