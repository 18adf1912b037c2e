package io.calidrop.batch;

import io.calidrop.generate.ChatMessage;
import io.calidrop.generate.GenerationOptions;
import io.calidrop.generate.Tools;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;

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

  /**
   * With a document before the first message of a user, or before the text.
   *
   * @throws IllegalArgumentException if there is neither
   */
  RequestBody about(String document) {
    return withFirst(content -> document + "\n\n" + content);
  }

  /** With the document instead: what requests about it begin with. */
  RequestBody onlyAbout(String document) {
    return withFirst(content -> document);
  }

  private RequestBody withFirst(UnaryOperator<String> change) {
    if (text.isPresent()) {
      return with(messages, text.map(change));
    }
    List<ChatMessage> all = new ArrayList<>(messages);
    for (int i = 0; i < all.size(); i++) {
      ChatMessage message = all.get(i);
      if (message.role().equals("user")) {
        String content = change.apply(message.content());
        all.set(i, new ChatMessage("user", content, message.more()));
        return with(all, text);
      }
    }
    throw new IllegalArgumentException("no message of a user that the document could stand before");
  }

  private RequestBody with(List<ChatMessage> messages, Optional<String> text) {
    return new RequestBody(messages, text, options, templateArguments, tools, delivery);
  }

  /** With a system message before the others, unless they begin with one or are none. */
  RequestBody withSystem(Optional<String> system) {
    if (system.isEmpty() || messages.isEmpty() || messages.getFirst().role().equals("system")) {
      return this;
    }
    List<ChatMessage> all = new ArrayList<>(messages);
    all.addFirst(ChatMessage.system(system.get()));
    return with(all, text);
  }
}
