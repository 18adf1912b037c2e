package io.calidrop.tokenizer;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** The spelling of byte-level vocabularies: a character of {@link ByteAlphabet} for each byte. */
final class ByteSpelling implements Spelling {
  private final Vocabulary vocabulary;
  private final int[] byteTokens = new int[256];

  ByteSpelling(Vocabulary vocabulary) {
    this.vocabulary = vocabulary;
    for (int b = 0; b < 256; b++) {
      byteTokens[b] = vocabulary.id(String.valueOf(ByteAlphabet.character((byte) b)));
    }
  }

  @Override
  public String of(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    StringBuilder spelling = new StringBuilder(bytes.length);
    for (byte b : bytes) {
      spelling.append(ByteAlphabet.character(b));
    }
    return spelling.toString();
  }

  @Override
  public int[] symbols(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    int[] symbols = new int[bytes.length];
    int n = 0;
    for (byte b : bytes) {
      int token = byteTokens[b & 0xff];
      if (token >= 0) {
        symbols[n++] = token;
      }
    }
    return Arrays.copyOf(symbols, n);
  }

  @Override
  public byte[] bytes(int token) {
    String spelling = vocabulary.token(token);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(spelling.length());
    for (int i = 0; i < spelling.length(); i++) {
      int value = ByteAlphabet.value(spelling.charAt(i));
      if (value < 0) {
        return spelling.getBytes(StandardCharsets.UTF_8); // added as plain text
      }
      bytes.write(value);
    }
    return bytes.toByteArray();
  }
}
