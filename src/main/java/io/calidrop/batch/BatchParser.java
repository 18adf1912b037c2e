package io.calidrop.batch;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calidrop.generate.ChatMessage;
import io.calidrop.generate.GenerationOptions;
import io.calidrop.generate.TemplateArguments;
import io.calidrop.sampling.SamplerOptions;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.zip.CRC32;

/**
 * Reads lines: a prompt as it stands, an object {@code {"id", "prompt" | "messages", overrides}},
 * or a line of an OpenAI batch {@code {"custom_id", "body": {"messages", overrides}}}.
 */
public final class BatchParser {
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  /** Fields of OpenAI's batches that change nothing here: there is one model and one way to ask. */
  private static final Set<String> WITHOUT_EFFECT = Set.of("method", "url", "model");

  private static final String TEMPLATE_ARGUMENTS = "chat_template_kwargs";

  private static final Set<String> ROLES = Set.of("system", "user", "assistant");
  private static final Map<String, BiFunction<GenerationOptions, JsonNode, GenerationOptions>>
      OVERRIDES = new HashMap<>();

  static {
    BiFunction<GenerationOptions, JsonNode, GenerationOptions> most =
        (options, value) -> options.withMaxTokens(whole(value));
    OVERRIDES.put("n", most);
    OVERRIDES.put("max_tokens", most);
    OVERRIDES.put("max_completion_tokens", most);
    OVERRIDES.put("stop", (options, value) -> options.withStop(texts(value)));
    sampling("temperature", (sampling, value) -> sampling.withTemperature(number(value)));
    sampling("top_k", (sampling, value) -> sampling.withTopK(whole(value)));
    sampling("top_p", (sampling, value) -> sampling.withTopP(number(value)));
    sampling("min_p", (sampling, value) -> sampling.withMinP(number(value)));
    sampling("repeat_penalty", (sampling, value) -> sampling.withRepeatPenalty(number(value)));
    sampling(
        "frequency_penalty", (sampling, value) -> sampling.withFrequencyPenalty(number(value)));
    sampling("presence_penalty", (sampling, value) -> sampling.withPresencePenalty(number(value)));
    sampling("seed", (sampling, value) -> sampling.withSeed(whole(value)));
  }

  private final boolean json;
  private final GenerationOptions defaults;
  private final Optional<String> system;

  /**
   * @param json whether lines are JSON
   * @param defaults whose seed each request's own is derived from
   * @param system message of requests that have none
   */
  public BatchParser(boolean json, GenerationOptions defaults, Optional<String> system) {
    this.json = json;
    this.defaults = defaults;
    this.system = system;
  }

  private static void sampling(
      String name, BiFunction<SamplerOptions, JsonNode, SamplerOptions> change) {
    OVERRIDES.put(
        name, (options, value) -> options.withSampling(change.apply(options.sampling(), value)));
  }

  private static double number(JsonNode value) {
    if (!value.isNumber()) {
      throw new IllegalArgumentException(value + " is no number");
    }
    return value.doubleValue();
  }

  private static int whole(JsonNode value) {
    if (!value.canConvertToInt() || !value.isIntegralNumber()) {
      throw new IllegalArgumentException(value + " is no whole number");
    }
    return value.intValue();
  }

  private static List<String> texts(JsonNode value) {
    List<String> texts = new ArrayList<>();
    (value.isArray() ? value : JSON.createArrayNode().add(value))
        .forEach(text -> texts.add(text(text)));
    return texts;
  }

  private static String text(JsonNode value) {
    if (!value.isTextual()) {
      throw new IllegalArgumentException(value + " is no text");
    }
    return value.textValue();
  }

  /**
   * The request of a line; one that is wrong says why.
   *
   * @param number of the line, from 1: its id where it has none of its own
   */
  public BatchRequest parse(String line, long number) {
    String id = Long.toString(number);
    if (!json) {
      return request(number, id, List.of(ChatMessage.user(line)), seeded(id), Map.of());
    }
    try {
      JsonNode node = JSON.readTree(line);
      if (!node.isObject()) {
        throw new IllegalArgumentException("the line is no JSON object");
      }
      id = id(node, id);
      return parse(number, node, id);
    } catch (JsonProcessingException e) {
      String why = "the line is no JSON: " + e.getOriginalMessage();
      return BatchRequest.wrong(number, id, defaults, why);
    } catch (IllegalArgumentException e) {
      return BatchRequest.wrong(number, id, defaults, e.getMessage());
    }
  }

  private static String id(JsonNode node, String number) {
    for (String name : List.of("id", "custom_id")) {
      JsonNode id = node.get(name);
      if (id != null && (id.isTextual() || id.isIntegralNumber())) {
        return id.asText();
      }
      if (id != null) {
        throw new IllegalArgumentException("the id must be a text or a whole number, not " + id);
      }
    }
    return number;
  }

  private BatchRequest parse(long number, JsonNode node, String id) {
    GenerationOptions options = seeded(id);
    List<ChatMessage> messages = new ArrayList<>();
    List<JsonNode> objects = node.has("body") ? List.of(node, node.get("body")) : List.of(node);
    for (JsonNode object : objects) {
      for (Map.Entry<String, JsonNode> field : object.properties()) {
        options = take(field.getKey(), field.getValue(), options, messages);
      }
    }
    if (messages.isEmpty()) {
      throw new IllegalArgumentException("the line has neither a prompt nor messages");
    }
    return request(number, id, messages, options, templateArguments(objects));
  }

  private static Map<String, Object> templateArguments(List<JsonNode> objects) {
    JsonNode arguments = objects.getLast().path(TEMPLATE_ARGUMENTS);
    return arguments.isMissingNode() || arguments.isNull()
        ? Map.of()
        : TemplateArguments.of(arguments);
  }

  private static GenerationOptions take(
      String name, JsonNode value, GenerationOptions options, List<ChatMessage> messages) {
    switch (name) {
      case "id", "custom_id", "body", TEMPLATE_ARGUMENTS -> {
        return options;
      }
      case "prompt", "messages" -> {
        if (!messages.isEmpty()) {
          throw new IllegalArgumentException("the line has both a prompt and messages");
        }
        if (name.equals("prompt")) {
          messages.add(ChatMessage.user(text(value)));
        } else {
          value.forEach(message -> messages.add(message(message)));
        }
        return options;
      }
      default -> {
        if (WITHOUT_EFFECT.contains(name)) {
          return options;
        }
        var override = OVERRIDES.get(name);
        if (override == null) {
          throw new IllegalArgumentException("unknown field \"%s\"".formatted(name));
        }
        try {
          return override.apply(options, value);
        } catch (IllegalArgumentException e) {
          throw new IllegalArgumentException(name + ": " + e.getMessage(), e);
        }
      }
    }
  }

  private static ChatMessage message(JsonNode message) {
    String role = message.path("role").asText();
    JsonNode content = message.path("content");
    if (!ROLES.contains(role) || !content.isTextual()) {
      throw new IllegalArgumentException(
          "a message needs a role (system, user, assistant) and a content, not " + message);
    }
    return new ChatMessage(role, content.textValue());
  }

  private BatchRequest request(
      long number,
      String id,
      List<ChatMessage> messages,
      GenerationOptions options,
      Map<String, Object> templateArguments) {
    List<ChatMessage> all = new ArrayList<>(messages);
    if (system.isPresent() && !all.getFirst().role().equals("system")) {
      all.addFirst(ChatMessage.system(system.get()));
    }
    return new BatchRequest(number, id, all, options, templateArguments, Optional.empty());
  }

  /** A seed that depends on the id alone: a text does not change with its place or a resume. */
  private GenerationOptions seeded(String id) {
    CRC32 crc = new CRC32();
    crc.update(id.getBytes(StandardCharsets.UTF_8));
    long seed = defaults.sampling().seed() ^ crc.getValue();
    return defaults.withSampling(defaults.sampling().withSeed(seed));
  }
}
