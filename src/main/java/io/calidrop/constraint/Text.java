package io.calidrop.constraint;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A symbol that stands for the words of a lexeme.
 *
 * @param lexeme has words
 */
record Text(Lexeme lexeme) implements Symbol {

  /** One of some texts, none of them empty. */
  static Text of(String... texts) {
    return new Text(
        Dfa.words(
            Arrays.stream(texts).map(text -> text.getBytes(StandardCharsets.UTF_8)).toList()));
  }
}
