package io.calidrop.batch;

import com.fasterxml.jackson.databind.JsonNode;
import io.calidrop.sampling.SamplerOptions;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.BiFunction;
import java.util.function.Predicate;

/**
 * The fields of a request: those that mean something, and those of OpenAI's API that are accepted
 * only where they ask for nothing. Any other is an error, and so is a value that asks for what
 * there is not: an answer that leaves out half of what was asked is worse than none.
 */
final class RequestFields {
  private static final Map<String, BiConsumer<RequestDraft, JsonNode>> FIELDS =
      new LinkedHashMap<>();

  static {
    FIELDS.put("messages", RequestDraft::messages);
    FIELDS.put("prompt", RequestDraft::prompt);
    FIELDS.put("max_tokens", RequestDraft::maxTokens);
    FIELDS.put("max_completion_tokens", RequestDraft::maxTokens);
    FIELDS.put("stop", RequestDraft::stop);
    sampling("temperature", (options, value) -> options.withTemperature(Values.number(value)));
    sampling("top_k", (options, value) -> options.withTopK(Values.whole(value)));
    sampling("top_p", (options, value) -> options.withTopP(Values.number(value)));
    sampling("min_p", (options, value) -> options.withMinP(Values.number(value)));
    sampling("typical_p", (options, value) -> options.withTypicalP(Values.number(value)));
    sampling("repeat_penalty", (options, value) -> options.withRepeatPenalty(Values.number(value)));
    sampling("repeat_last_n", (options, value) -> options.withRepeatLastN(Values.whole(value)));
    sampling(
        "frequency_penalty",
        (options, value) -> options.withFrequencyPenalty(Values.number(value)));
    sampling(
        "presence_penalty", (options, value) -> options.withPresencePenalty(Values.number(value)));
    sampling("seed", (options, value) -> options.withSeed(Values.wholeLong(value)));
    FIELDS.put("response_format", RequestDraft::responseFormat);
    FIELDS.put("tools", (draft, value) -> draft.tools().tools(value));
    FIELDS.put("tool_choice", (draft, value) -> draft.tools().choice(value));
    FIELDS.put("parallel_tool_calls", (draft, value) -> draft.tools().several(value));
    FIELDS.put("chat_template_kwargs", RequestDraft::templateArguments);
    FIELDS.put(
        "reasoning_effort",
        (draft, value) -> draft.templateArgument("reasoning_effort", Values.text(value)));

    // How a server hands an answer over. A batch accepts them where they ask for nothing.
    served("model", RequestDraft::model, JsonNode::isTextual, "a name is a text");
    served(
        "n",
        RequestDraft::answers,
        RequestFields::isOne,
        "it counts answers, and there is one; max_tokens counts tokens");
    served("stream", RequestDraft::stream, RequestFields::isFalse, "the answer comes whole");
    served(
        "stream_options",
        RequestDraft::streamOptions,
        RequestFields::isEmpty,
        "the answer comes whole");
    String noProbabilities = "probabilities are not told";
    served("logprobs", RequestDraft::logprobs, RequestFields::isFalse, noProbabilities);
    served("top_logprobs", RequestDraft::topLogprobs, RequestFields::isZero, noProbabilities);
    served(
        "calidrop",
        RequestDraft::cache,
        RequestFields::isEmpty,
        "the options of the command say how caches are kept");

    // Names and labels that change no answer.
    idle("user", JsonNode::isTextual, "a name is a text");
    idle("safety_identifier", JsonNode::isTextual, "a name is a text");
    idle("prompt_cache_key", JsonNode::isTextual, "a name is a text");
    idle("prompt_cache_retention", JsonNode::isTextual, "a name is a text");
    idle("service_tier", JsonNode::isTextual, "a name is a text");
    idle("metadata", JsonNode::isObject, "metadata is an object");

    // What there is not.
    idle("best_of", RequestFields::isOne, "there is one answer");
    idle("store", RequestFields::isFalse, "nothing is stored");
    idle("echo", RequestFields::isFalse, "the answer does not repeat the prompt");
    idle("suffix", RequestFields::isEmpty, "nothing can follow the answer");
    idle("logit_bias", RequestFields::isEmpty, "tokens are not biased");
    idle("modalities", RequestFields::isOnlyText, "an answer is text, [\"text\"]");
    idle("verbosity", value -> is(value, "medium"), "there is only \"medium\"");
    idle("functions", RequestFields::isEmpty, "they are called tools");
    idle("function_call", RequestFields::isNoChoice, "it is called tool_choice");
    idle("audio", RequestFields::isEmpty, "an answer is text");
    idle("prediction", RequestFields::isEmpty, "answers are not predicted");
    idle("web_search_options", value -> false, "there is no search");
  }

  private RequestFields() {}

  private static void sampling(
      String name, BiFunction<SamplerOptions, JsonNode, SamplerOptions> change) {
    FIELDS.put(name, (draft, value) -> draft.sampling(options -> change.apply(options, value)));
  }

  /** A field that does nothing, and is refused where it asks for something. */
  private static void idle(String name, Predicate<JsonNode> asksForNothing, String why) {
    served(name, null, asksForNothing, why);
  }

  /**
   * A field that a server takes; a batch refuses it where it asks for something.
   *
   * @param field or null: a server does as a batch
   */
  private static void served(
      String name,
      BiConsumer<RequestDraft, JsonNode> field,
      Predicate<JsonNode> asksForNothing,
      String why) {
    FIELDS.put(
        name,
        (draft, value) -> {
          if (field != null && draft.isServed()) {
            field.accept(draft, value);
          } else if (!asksForNothing.test(value)) {
            throw new IllegalArgumentException(
                "%s is not supported: %s".formatted(Values.shown(value), why));
          }
        });
  }

  /**
   * Takes a field into a request.
   *
   * @param value not null
   * @throws IllegalArgumentException if it cannot be; the message names the field
   */
  static void take(String name, JsonNode value, RequestDraft draft) {
    BiConsumer<RequestDraft, JsonNode> field = FIELDS.get(name);
    if (field == null) {
      throw Spelling.unknown("field", name, FIELDS.keySet());
    }
    try {
      field.accept(draft, value);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(name + ": " + e.getMessage(), e);
    }
  }

  private static boolean is(JsonNode value, String text) {
    return value.isTextual() && value.textValue().equals(text);
  }

  private static boolean isOne(JsonNode value) {
    return value.isIntegralNumber() && value.canConvertToInt() && value.intValue() == 1;
  }

  private static boolean isZero(JsonNode value) {
    return value.isIntegralNumber() && value.canConvertToInt() && value.intValue() == 0;
  }

  private static boolean isFalse(JsonNode value) {
    return value.isBoolean() && !value.booleanValue();
  }

  private static boolean isEmpty(JsonNode value) {
    return value.isContainerNode() && value.isEmpty() || is(value, "");
  }

  private static boolean isOnlyText(JsonNode value) {
    return value.isArray() && value.size() == 1 && is(value.get(0), "text");
  }

  private static boolean isNoChoice(JsonNode value) {
    return is(value, "none") || is(value, "auto");
  }
}
