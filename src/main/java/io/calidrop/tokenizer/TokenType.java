package io.calidrop.tokenizer;

/** What a vocabulary entry is, numbered as in {@code tokenizer.ggml.token_type}. */
enum TokenType {
  NORMAL,
  UNKNOWN,
  CONTROL,
  USER_DEFINED,
  UNUSED,
  BYTE;

  private static final TokenType[] VALUES = values();

  /** The type with GGUF's number for it; what is unknown counts as normal. */
  static TokenType of(int id) {
    return id >= 1 && id <= VALUES.length ? VALUES[id - 1] : NORMAL;
  }
}
