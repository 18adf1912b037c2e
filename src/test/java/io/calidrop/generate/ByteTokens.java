package io.calidrop.generate;

import io.calidrop.tokenizer.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/** A tokenizer of bytes, with control tokens after them, the first of which ends a text. */
final class ByteTokens implements Tokenizer {
  static final int END = 256;

  private final List<String> controls;

  ByteTokens(String... controls) {
    this.controls = List.of(controls);
  }

  @Override
  public int[] encode(String text, boolean parseSpecial) {
    IntStream.Builder tokens = IntStream.builder();
    for (int at = 0; at < text.length(); ) {
      int here = at;
      int control =
          parseSpecial
              ? IntStream.range(0, controls.size())
                  .filter(i -> text.startsWith(controls.get(i), here))
                  .findFirst()
                  .orElse(-1)
              : -1;
      int end = at + Character.charCount(text.codePointAt(at));
      if (control >= 0) {
        tokens.add(END + control);
        end = at + controls.get(control).length();
      } else {
        for (byte b : text.substring(at, end).getBytes(StandardCharsets.UTF_8)) {
          tokens.add(b & 0xff);
        }
      }
      at = end;
    }
    return tokens.build().toArray();
  }

  @Override
  public byte[] bytes(int token) {
    return token >= END ? new byte[0] : new byte[] {(byte) token};
  }

  @Override
  public String piece(int token) {
    return token >= END ? controls.get(token - END) : "<" + token + ">";
  }

  @Override
  public int vocabularySize() {
    return END + controls.size();
  }

  @Override
  public int bos() {
    return -1;
  }

  @Override
  public int eos() {
    return END;
  }

  @Override
  public boolean addsBos() {
    return false;
  }

  @Override
  public Set<Integer> endTokens() {
    return Set.of(END);
  }

  @Override
  public boolean isControl(int token) {
    return token >= END;
  }
}
