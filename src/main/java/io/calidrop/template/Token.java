package io.calidrop.template;

/**
 * A piece of a template's source.
 *
 * @param text of a name or operator, or the value of a text
 * @param number the value of a number, else null
 * @param at its offset
 */
record Token(Kind kind, String text, Number number, int at) {
  enum Kind {
    DATA,
    OUTPUT_BEGIN,
    OUTPUT_END,
    BLOCK_BEGIN,
    BLOCK_END,
    NAME,
    STRING,
    NUMBER,
    OPERATOR,
    END
  }

  boolean is(Kind wanted, String wantedText) {
    return kind == wanted && text.equals(wantedText);
  }

  /** For messages. */
  String describe() {
    return switch (kind) {
      case END -> "the end of the template";
      case DATA -> "text";
      case BLOCK_END, BLOCK_BEGIN, OUTPUT_BEGIN, OUTPUT_END, NAME, OPERATOR -> "'" + text + "'";
      case STRING -> "a string";
      case NUMBER -> "a number";
    };
  }
}
