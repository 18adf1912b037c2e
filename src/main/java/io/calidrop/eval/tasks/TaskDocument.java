package io.calidrop.eval.tasks;

import io.calidrop.generate.ChatMessage;
import java.util.List;

/**
 * A document, or a conversation, and what is asked of it.
 *
 * @param turns of the conversation; a single one is a document, and the question follows it in the
 *     same turn
 * @param questions each asked by itself
 * @param depth where the only thing to be found was hidden on purpose, in per cent of the text; or
 *     {@link #NO_DEPTH}
 */
public record TaskDocument(List<ChatMessage> turns, List<Question> questions, int depth) {
  public static final int NO_DEPTH = -1;

  static TaskDocument of(String text, List<Question> questions, int depth) {
    return new TaskDocument(List.of(new ChatMessage("user", text)), questions, depth);
  }
}
