package io.calidrop.template;

/**
 * A piece of a template's source.
 *
 * @param text of a name or operator, or the value of a text
 * @param number the value of a number, else null
 * @param at its offset
 */
record Token(Kind kind, String text, Object number, int at) {
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
}
