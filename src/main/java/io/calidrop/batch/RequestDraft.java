package io.calidrop.batch;

import com.fasterxml.jackson.databind.JsonNode;
import io.calidrop.generate.ChatMessage;
import io.calidrop.generate.GenerationOptions;
import io.calidrop.generate.TemplateArguments;
import io.calidrop.sampling.SamplerOptions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.UnaryOperator;

/** A request whose fields are being read. */
final class RequestDraft {
  private static final int MOST_ANSWERS = 16;
  private static final int MOST_LOGPROBS = 20;

  private final RequestFormat format;
  private final boolean served;
  private final Map<String, Object> templateArguments = new LinkedHashMap<>();
  private GenerationOptions options;
  private List<ChatMessage> messages; // null until there are any
  private String text; // or null
  private Integer maxTokens; // or null
  private String model; // or null
  private int answers = 1;
  private boolean stream;
  private boolean usage;
  private boolean logprobs;
  private Integer topLogprobs; // or null
  private CacheRequest cache = CacheRequest.NONE;
  private final RequestTools tools = new RequestTools();

  /**
   * @param served whether a server answers it, and not a batch
   */
  RequestDraft(RequestFormat format, GenerationOptions defaults, boolean served) {
    this.format = format;
    this.served = served;
    options = defaults;
  }

  /** Whether a server answers it, and not a batch. */
  boolean isServed() {
    return served;
  }

  void model(JsonNode value) {
    model = Values.text(value);
  }

  void answers(JsonNode value) {
    answers = Values.whole(value);
    if (answers < 1 || answers > MOST_ANSWERS) {
      throw new IllegalArgumentException(
          "it counts answers, from 1 to %d, not %d; max_tokens counts tokens"
              .formatted(MOST_ANSWERS, answers));
    }
  }

  void stream(JsonNode value) {
    stream = Values.bool(value);
  }

  void streamOptions(JsonNode value) {
    Values.fields(value, Map.of("include_usage", flag -> usage = Values.bool(flag)));
  }

  /** A chat says whether, a completion of how many other tokens. */
  void logprobs(JsonNode value) {
    if (format == RequestFormat.COMPLETION) {
      topLogprobs(value);
      logprobs = true;
    } else {
      logprobs = Values.bool(value);
    }
  }

  void topLogprobs(JsonNode value) {
    topLogprobs = Values.whole(value);
    if (topLogprobs < 0 || topLogprobs > MOST_LOGPROBS) {
      throw new IllegalArgumentException(
          "%d is not from 0 to %d".formatted(topLogprobs, MOST_LOGPROBS));
    }
  }

  void cache(JsonNode value) {
    cache = CacheRequest.of(value);
  }

  void messages(JsonNode value) {
    if (format == RequestFormat.COMPLETION) {
      throw new IllegalArgumentException("a completion has a prompt; a chat has messages");
    }
    if (!value.isArray() || value.isEmpty()) {
      throw new IllegalArgumentException(Values.shown(value) + " is no list of messages");
    }
    List<ChatMessage> all = new ArrayList<>();
    for (JsonNode message : value) {
      try {
        all.add(RequestMessages.read(message));
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException(
            "number %d: %s".formatted(all.size() + 1, e.getMessage()), e);
      }
    }
    content(all);
  }

  void prompt(JsonNode value) {
    JsonNode one = value.isArray() && value.size() == 1 ? value.get(0) : value;
    if (one.isArray() || value.isArray() && !one.isTextual()) {
      throw new IllegalArgumentException(
          "lists of texts or of tokens are not supported: a request has one text");
    }
    String prompt = Values.text(one);
    switch (format) {
      case OWN -> content(List.of(ChatMessage.user(prompt)));
      case CHAT ->
          throw new IllegalArgumentException("a chat has messages; a completion has a prompt");
      case COMPLETION -> text = prompt;
    }
  }

  private void content(List<ChatMessage> content) {
    if (messages != null) {
      throw new IllegalArgumentException("there are both a prompt and messages");
    }
    messages = content;
  }

  void maxTokens(JsonNode value) {
    int count = Values.whole(value);
    if (maxTokens != null && maxTokens != count) {
      throw new IllegalArgumentException(
          "%d differs from the other limit, %d".formatted(count, maxTokens));
    }
    maxTokens = count;
    options = options.withMaxTokens(count);
  }

  void stop(JsonNode value) {
    options = options.withStop(Values.texts(value));
  }

  void sampling(UnaryOperator<SamplerOptions> change) {
    options = options.withSampling(change.apply(options.sampling()));
  }

  void responseFormat(JsonNode value) {
    options = options.withConstraint(ResponseFormat.of(value));
  }

  /** Functions that the answer may call. */
  RequestTools tools() {
    requireTemplate();
    return tools;
  }

  /** Takes a value for the template, unless {@link #templateArguments} names it, too. */
  void templateArgument(String name, Object value) {
    requireTemplate();
    templateArguments.putIfAbsent(name, value);
  }

  void templateArguments(JsonNode value) {
    requireTemplate();
    templateArguments.putAll(TemplateArguments.of(value));
  }

  private void requireTemplate() {
    if (format == RequestFormat.COMPLETION) {
      throw new IllegalArgumentException("a completion has no chat template");
    }
  }

  RequestBody finish() {
    if (messages == null && text == null) {
      throw new IllegalArgumentException(
          switch (format) {
            case OWN -> "the line has neither a prompt nor messages";
            case CHAT -> "the chat has no messages";
            case COMPLETION -> "the completion has no prompt";
          });
    }
    if (topLogprobs != null && topLogprobs > 0 && !logprobs) {
      throw new IllegalArgumentException("top_logprobs: it is for logprobs: true");
    }
    return new RequestBody(
        messages == null ? List.of() : messages,
        Optional.ofNullable(text),
        options,
        templateArguments,
        tools.finish(),
        new Delivery(
            Optional.ofNullable(model),
            answers,
            stream,
            usage,
            logprobs ? OptionalInt.of(topLogprobs == null ? 0 : topLogprobs) : OptionalInt.empty(),
            cache));
  }
}
