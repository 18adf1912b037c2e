package io.calidrop.batch;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calidrop.generate.ChatMessage;
import io.calidrop.generate.GenerationOptions;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.zip.CRC32;

/**
 * Reads lines: a prompt as it stands, an object {@code {"id", "prompt" | "messages", overrides}},
 * or a line of an OpenAI batch {@code {"custom_id", "method", "url", "body"}}. What they may ask
 * for is {@link RequestFormat}'s. Immutable: threads may share it.
 */
public final class BatchParser {
  private static final ObjectMapper JSON =
      new ObjectMapper()
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION);

  private static final int MESSAGE = 200; // most characters of the JSON library's

  private static final List<String> IDS = List.of("id", "custom_id");
  private static final List<String> ENVELOPE = List.of("id", "custom_id", "method", "url", "body");

  private final GenerationOptions defaults;
  private final Optional<String> system;

  /**
   * @param defaults whose seed each request's own is derived from
   * @param system message of conversations that have none
   */
  public BatchParser(GenerationOptions defaults, Optional<String> system) {
    this.defaults = defaults;
    this.system = system;
  }

  /**
   * The request that a prompt is.
   *
   * @param number of the line, from 1: its id
   */
  public BatchRequest text(String line, long number) {
    BatchId id = BatchId.of(Long.toString(number));
    return request(number, id, RequestBody.answer(List.of(ChatMessage.user(line)), seeded(id)));
  }

  /**
   * The request of a line of JSON; one that is wrong says why.
   *
   * @param number of the line, from 1: its id where it has none of its own
   */
  public BatchRequest json(String line, long number) {
    BatchId id = BatchId.of(Long.toString(number));
    try {
      JsonNode node = JSON.readTree(line);
      if (!(node instanceof ObjectNode object)) {
        throw new IllegalArgumentException("the line is no JSON object");
      }
      id = id(object).orElse(id);
      return request(number, id, body(object, seeded(id)));
    } catch (JsonProcessingException e) {
      String why = Values.shortened(e.getOriginalMessage().replaceAll("\\s+", " "), MESSAGE);
      return BatchRequest.wrong(number, id, defaults, "the line is no JSON: " + why);
    } catch (IllegalArgumentException e) {
      return BatchRequest.wrong(number, id, defaults, e.getMessage());
    }
  }

  private static Optional<BatchId> id(ObjectNode line) {
    Optional<BatchId> found = Optional.empty();
    for (String name : IDS) {
      JsonNode value = line.path(name);
      if (value.isMissingNode() || value.isNull()) {
        continue;
      }
      Optional<BatchId> id = BatchId.of(value);
      if (id.isEmpty()) {
        throw new IllegalArgumentException(
            "%s: %s is neither a text nor a whole number".formatted(name, Values.shown(value)));
      }
      if (found.isPresent() && !found.equals(id)) {
        throw new IllegalArgumentException(
            "custom_id: %s differs from the id, %s"
                .formatted(Values.shown(value), Values.shown(found.get().value())));
      }
      found = id;
    }
    return found;
  }

  private static RequestBody body(ObjectNode line, GenerationOptions options) {
    if (line.hasNonNull("body")) {
      JsonNode body = line.get("body");
      for (Map.Entry<String, JsonNode> field : line.properties()) {
        if (!field.getValue().isNull() && !ENVELOPE.contains(field.getKey())) {
          throw new IllegalArgumentException(
              Values.shown(field.getKey()) + " stands beside the body: it belongs into it");
        }
      }
      return format(line, body).read(body, options);
    }
    for (String name : List.of("method", "url")) {
      if (line.hasNonNull(name)) {
        throw new IllegalArgumentException(name + ": the line has no body");
      }
    }
    return RequestFormat.OWN.read(line.without(ENVELOPE), options);
  }

  /** The format of an OpenAI line: its URL's, and without one that of what it holds. */
  private static RequestFormat format(ObjectNode line, JsonNode body) {
    if (line.hasNonNull("method") && !line.get("method").asText().equals("POST")) {
      throw new IllegalArgumentException(
          "method: %s is not supported: it is \"POST\""
              .formatted(Values.shown(line.get("method"))));
    }
    if (!line.hasNonNull("url")) {
      return body.hasNonNull("prompt") ? RequestFormat.COMPLETION : RequestFormat.CHAT;
    }
    return switch (line.get("url").asText()) {
      case "/v1/chat/completions" -> RequestFormat.CHAT;
      case "/v1/completions" -> RequestFormat.COMPLETION;
      default ->
          throw new IllegalArgumentException(
              "url: %s is not supported: there are /v1/chat/completions and /v1/completions"
                  .formatted(Values.shown(line.get("url"))));
    };
  }

  private BatchRequest request(long number, BatchId id, RequestBody body) {
    return new BatchRequest(number, id, body.withSystem(system), Optional.empty());
  }

  /** A seed that depends on the id alone: a text does not change with its place or a resume. */
  private GenerationOptions seeded(BatchId id) {
    CRC32 crc = new CRC32();
    crc.update(id.text().getBytes(StandardCharsets.UTF_8));
    long seed = defaults.sampling().seed() ^ crc.getValue();
    return defaults.withSampling(defaults.sampling().withSeed(seed));
  }
}
