package io.calidrop.batch;

import io.calidrop.generate.ChatMessage;
import io.calidrop.generate.GenerationOptions;
import io.calidrop.generate.Tools;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a request asks for.
 *
 * @param messages of the conversation to answer; empty where a text is continued
 * @param text to continue as it stands, without a chat template
 * @param options with the request's own values
 * @param templateArguments values for the chat template, by name
 * @param tools functions that the answer may call
 * @param delivery what it asks of a server
 */
public record RequestBody(
    List<ChatMessage> messages,
    Optional<String> text,
    GenerationOptions options,
    Map<String, Object> templateArguments,
    Optional<Tools> tools,
    Delivery delivery) {

  static RequestBody answer(List<ChatMessage> messages, GenerationOptions options) {
    return new RequestBody(
        messages, Optional.empty(), options, Map.of(), Optional.empty(), Delivery.WHOLE);
  }

  /** With a system message before the others, unless they begin with one or are none. */
  RequestBody withSystem(Optional<String> system) {
    if (system.isEmpty() || messages.isEmpty() || messages.getFirst().role().equals("system")) {
      return this;
    }
    List<ChatMessage> all = new ArrayList<>(messages);
    all.addFirst(ChatMessage.system(system.get()));
    return new RequestBody(all, text, options, templateArguments, tools, delivery);
  }
}
