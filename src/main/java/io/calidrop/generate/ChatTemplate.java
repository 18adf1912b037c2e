package io.calidrop.generate;

import io.calidrop.tokenizer.Tokenizer;
import java.util.List;
import java.util.Optional;

/** Writes a conversation the way a model was trained to read it. Immutable. */
public final class ChatTemplate {

  /**
   * A template from its Jinja source.
   *
   * @param bosToken text of the begin-of-sequence token, empty where there is none
   * @param eosToken text of the end-of-sequence token, empty where there is none
   * @throws IllegalArgumentException where the source does not parse
   */
  public static ChatTemplate of(String source, String bosToken, String eosToken) {
    throw new UnsupportedOperationException();
  }

  /**
   * A model's own template, or ChatML where it has none but its vocabulary has {@code
   * <|im_start|>}.
   *
   * @param source metadata {@code tokenizer.chat_template}
   * @throws IllegalArgumentException where the model has neither, or its template does not parse
   */
  public static ChatTemplate forModel(Optional<String> source, Tokenizer tokenizer) {
    throw new UnsupportedOperationException();
  }

  /**
   * The conversation as text.
   *
   * @param addGenerationPrompt whether the opening of the assistant's next turn follows
   * @throws IllegalArgumentException where the template refuses the conversation
   */
  public String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
    throw new UnsupportedOperationException();
  }

  /**
   * The conversation as tokens. BOS is there only where the template writes it.
   *
   * @param addGenerationPrompt whether the opening of the assistant's next turn follows
   * @throws IllegalArgumentException where the template refuses the conversation
   */
  public int[] encode(
      List<ChatMessage> messages, boolean addGenerationPrompt, Tokenizer tokenizer) {
    throw new UnsupportedOperationException();
  }
}
