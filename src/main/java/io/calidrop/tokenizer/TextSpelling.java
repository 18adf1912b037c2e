package io.calidrop.tokenizer;

import java.nio.charset.StandardCharsets;

/**
 * The spelling of SentencePiece: text as it is, spaces as U+2581, and bytes as {@code <0x0A>} where
 * the vocabulary lacks a character.
 */
final class TextSpelling implements Spelling {
  private static final char SPACE = '\u2581';

  private final Vocabulary vocabulary;
  private final int[] byteTokens = new int[256];

  TextSpelling(Vocabulary vocabulary) {
    this.vocabulary = vocabulary;
    for (int b = 0; b < 256; b++) {
      byteTokens[b] = vocabulary.id("<0x%02X>".formatted(b));
    }
  }

  @Override
  public String of(String text) {
    return text.replace(' ', SPACE);
  }

  @Override
  public int[] symbols(String text) {
    String spelling = of(text);
    TokenList symbols = new TokenList();
    for (int i = 0; i < spelling.length(); ) {
      int end = i + Character.charCount(spelling.codePointAt(i));
      addSymbol(spelling.substring(i, end), symbols);
      i = end;
    }
    return symbols.toArray();
  }

  /** Appends the token with this spelling, or else those of its bytes. */
  void addSymbol(String spelling, TokenList out) {
    int token = vocabulary.id(spelling);
    if (token >= 0) {
      out.add(token);
      return;
    }
    for (byte b : spelling.getBytes(StandardCharsets.UTF_8)) {
      int byteToken = byteTokens[b & 0xff];
      if (byteToken >= 0 || vocabulary.unknown() >= 0) {
        out.add(byteToken >= 0 ? byteToken : vocabulary.unknown());
      }
    }
  }

  @Override
  public byte[] bytes(int token) {
    String spelling = vocabulary.token(token);
    if (vocabulary.type(token) == TokenType.BYTE) {
      return new byte[] {(byte) Integer.parseInt(spelling.substring(3, 5), 16)};
    }
    return spelling.replace(SPACE, ' ').getBytes(StandardCharsets.UTF_8);
  }
}
