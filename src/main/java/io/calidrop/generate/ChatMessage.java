package io.calidrop.generate;

import java.util.Map;
import java.util.Objects;

/**
 * One turn of a conversation.
 *
 * @param role {@code system}, {@code user} or {@code assistant}, or another that the model's
 *     template knows
 * @param content the text, never parsed for control tokens
 * @param more what else the template gets of it, by name: {@code tool_calls} of an answer, {@code
 *     tool_call_id} of a tool's result
 */
public record ChatMessage(String role, String content, Map<String, Object> more) {

  public ChatMessage {
    Objects.requireNonNull(role, "role");
    Objects.requireNonNull(content, "content");
    Objects.requireNonNull(more, "more");
  }

  /** A message that is a text. */
  public ChatMessage(String role, String content) {
    this(role, content, Map.of());
  }

  public static ChatMessage system(String content) {
    return new ChatMessage("system", content);
  }

  public static ChatMessage user(String content) {
    return new ChatMessage("user", content);
  }

  public static ChatMessage assistant(String content) {
    return new ChatMessage("assistant", content);
  }
}
