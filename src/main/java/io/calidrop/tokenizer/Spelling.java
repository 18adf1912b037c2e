package io.calidrop.tokenizer;

/** How a vocabulary spells text. */
interface Spelling {

  /** A text as the vocabulary would spell it as one token. */
  String of(String text);

  /** The smallest tokens that a text is made of; what the vocabulary cannot say is left out. */
  int[] symbols(String text);

  /** The bytes that an ordinary token or a byte token stands for. */
  byte[] bytes(int token);
}
