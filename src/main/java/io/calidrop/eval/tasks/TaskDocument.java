package io.calidrop.eval.tasks;

import io.calidrop.generate.ChatMessage;
import java.util.List;

/**
 * A document, or a conversation, and what is asked of it.
 *
 * @param turns of the conversation; a single one is a document, and the question follows it in the
 *     same turn
 * @param questions each asked by itself
 */
public record TaskDocument(List<ChatMessage> turns, List<Question> questions) {
  static TaskDocument of(String text, List<Question> questions) {
    return new TaskDocument(List.of(new ChatMessage("user", text)), questions);
  }
}
