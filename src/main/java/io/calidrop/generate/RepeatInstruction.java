package io.calidrop.generate;

import io.calidrop.gguf.ModelFormatException;
import io.calidrop.tokenizer.Tokenizer;
import java.util.List;
import java.util.function.Supplier;

/** What asks a model to repeat the text that it has read. */
final class RepeatInstruction {
  private static final String TEXT = "Repeat the previous text exactly.";

  private RepeatInstruction() {}

  /**
   * The tokens, up to where the repetition begins: the end of a user's turn and the beginning of an
   * answer, where the model has a template.
   */
  static int[] tokens(Tokenizer tokenizer, Supplier<ChatTemplate> template) {
    return tokenizer.encode("\n\n" + TEXT + afterwards(template), true);
  }

  private static String afterwards(Supplier<ChatTemplate> template) {
    try {
      String turn = template.get().render(List.of(new ChatMessage("user", TEXT)), true);
      return turn.substring(turn.lastIndexOf(TEXT) + TEXT.length());
    } catch (ModelFormatException e) {
      return "\n\n"; // a base model
    }
  }
}
