package io.calidrop.constraint;

import io.calidrop.tokenizer.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/** Tokens for every byte, for pieces of JSON that cross its borders, and a few for control. */
final class WordTokenizer implements Tokenizer {
  static final int END = 256;
  static final int CALL = 257;

  private static final List<String> WORDS =
      List.of(
          "{\"", "\":", "\": ", "\": \"", "\",", "\", \"", "\"}", "\"]", "\"}}", "}]", "},", "},{",
          "}, {\"", "[{", "[{\"", "[]", "{}", "[\"", "\",\"", ", ", ",\"", ":[", ": [", ":\"", "00",
          "123", "12", "0.", ".5", "-1", "true", "false", "null", "tr", "ue", "ull", ",null",
          "name", "name\":", "ab", "abc", "the", " the", "  ", " \"", "a\"", "é", "ü\"", "日本", "🦙",
          "\\n", "\\u00", "\\\"", "\\\\", "\n", "\n\n", "2024-", "-0", "T1", "@", ".com", "Z\"",
          "x]", "]}", "]]", "}}", "}}}", "\"\"", "\"},", "e+", "e1", "0}", "1,", "5]");

  private final List<byte[]> bytes = new ArrayList<>();

  WordTokenizer() {
    for (int i = 0; i < 256; i++) {
      bytes.add(new byte[] {(byte) i});
    }
    bytes.add(new byte[0]); // the end
    bytes.add(new byte[0]); // a control token
    WORDS.forEach(word -> bytes.add(word.getBytes(StandardCharsets.UTF_8)));
    bytes.add(new byte[] {'"', (byte) 0xc3}); // half a character
    bytes.add(new byte[] {(byte) 0xa9, '"'});
    bytes.add(new byte[] {(byte) 0xe6, (byte) 0x97});
  }

  /** The longest token each time. */
  @Override
  public int[] encode(String text, boolean parseSpecial) {
    byte[] all = text.getBytes(StandardCharsets.UTF_8);
    IntStream.Builder tokens = IntStream.builder();
    for (int at = 0; at < all.length; ) {
      int best = all[at] & 0xff;
      for (int id = 0; id < bytes.size(); id++) {
        byte[] token = bytes.get(id);
        if (token.length > bytes.get(best).length
            && at + token.length <= all.length
            && Arrays.equals(token, 0, token.length, all, at, at + token.length)) {
          best = id;
        }
      }
      tokens.add(best);
      at += bytes.get(best).length;
    }
    return tokens.build().toArray();
  }

  @Override
  public byte[] bytes(int token) {
    return bytes.get(token);
  }

  @Override
  public String piece(int token) {
    return token == END ? "<|end|>" : token == CALL ? "[CALL]" : "<" + token + ">";
  }

  @Override
  public int vocabularySize() {
    return bytes.size();
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
    return token == END || token == CALL;
  }
}
