package io.calidrop.tokenizer;

import java.util.List;
import java.util.Set;

/** Text to token ids and back. Immutable and safe for concurrent use. */
public interface Tokenizer {

  /**
   * The tokens of a text, without BOS or EOS.
   *
   * @param parseSpecial whether the text of a control or user-defined token becomes that token; off
   *     for text that a user typed into a template's content, on for the rendered template itself
   */
  int[] encode(String text, boolean parseSpecial);

  /** The bytes a token stands for; control tokens stand for none. */
  byte[] bytes(int token);

  /** The vocabulary's own spelling of a token, for listings. */
  String piece(int token);

  int vocabularySize();

  /** The begin-of-sequence token, or -1 where the vocabulary has none. */
  int bos();

  /** The end-of-sequence token, or -1. */
  int eos();

  /** Whether the model expects {@link #bos()} before a text. */
  boolean addsBos();

  /** Every token that ends a generation: EOS, end of turn, end of message. */
  Set<Integer> endTokens();

  /** Whether a token has no text: a control token (start of turn ...) or the unknown token. */
  boolean isControl(int token);

  /** What of the file's vocabulary had to be taken otherwise than it says, a line each. */
  default List<String> notices() {
    return List.of();
  }

  /**
   * The tokens of a text as a model expects it from its very beginning: with BOS where it adds one,
   * special tokens parsed.
   */
  default int[] encodeWithBos(String text) {
    int[] tokens = encode(text, true);
    if (!addsBos() || tokens.length > 0 && tokens[0] == bos()) {
      return tokens;
    }
    int[] withBos = new int[tokens.length + 1];
    withBos[0] = bos();
    System.arraycopy(tokens, 0, withBos, 1, tokens.length);
    return withBos;
  }

  /** The text of some tokens; bytes that are no UTF-8 become U+FFFD. */
  default String decode(int... tokens) {
    Utf8Decoder decoder = new Utf8Decoder();
    StringBuilder text = new StringBuilder();
    for (int token : tokens) {
      text.append(decoder.append(bytes(token)));
    }
    return text.append(decoder.flush()).toString();
  }
}
