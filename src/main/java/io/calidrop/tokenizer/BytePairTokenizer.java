package io.calidrop.tokenizer;

import io.calidrop.gguf.Metadata;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Byte-level byte-pair encoding (GPT-2): words are spelt in bytes, and neighbouring tokens merged
 * in the order of the model's merge rules.
 */
final class BytePairTokenizer extends VocabularyTokenizer {
  private static final int CACHED_LENGTH = 32;

  /**
   * What merging two tokens gives.
   *
   * @param rank position in the merge rules; lower ones come first
   */
  record Merge(int rank, int token) {}

  private final PreTokenizer preTokenizer;
  private final Map<Long, Merge> merges;
  private final int[] byteTokens = new int[256];

  BytePairTokenizer(Vocabulary vocabulary, PreTokenizer preTokenizer, Metadata metadata) {
    super(vocabulary, metadata.bool("tokenizer.ggml.add_bos_token", preTokenizer.addsBos()));
    this.preTokenizer = preTokenizer;
    for (int b = 0; b < 256; b++) {
      byteTokens[b] = vocabulary.id(String.valueOf(ByteAlphabet.character((byte) b)));
    }
    List<String> rules = metadata.strings("tokenizer.ggml.merges");
    merges = HashMap.newHashMap(rules.size());
    for (int rank = 0; rank < rules.size(); rank++) {
      addRule(rules.get(rank), rank);
    }
  }

  /** Adds "left right"; a rule about tokens that the vocabulary lacks can never apply. */
  private void addRule(String rule, int rank) {
    int space = rule.indexOf(' ', 1);
    if (space < 0) {
      return;
    }
    String left = rule.substring(0, space);
    String right = rule.substring(space + 1);
    int a = vocabulary.id(left);
    int b = vocabulary.id(right);
    int merged = vocabulary.id(left + right);
    if (a >= 0 && b >= 0 && merged >= 0) {
      merges.putIfAbsent(pair(a, b), new Merge(rank, merged));
    }
  }

  private static long pair(int left, int right) {
    return (long) left << 32 | right;
  }

  /** The merge of two neighbours, or null. */
  Merge merge(int left, int right) {
    return merges.get(pair(left, right));
  }

  @Override
  void encodeText(String text, boolean first, TokenList out) {
    Map<String, int[]> seen = new HashMap<>(); // a text repeats its words
    int start = 0;
    for (int end : preTokenizer.split(text, 0, text.length())) {
      String word = text.substring(start, end);
      start = end;
      if (word.length() <= CACHED_LENGTH) {
        out.addAll(seen.computeIfAbsent(word, this::encodeWord));
      } else {
        out.addAll(encodeWord(word));
      }
    }
  }

  private int[] encodeWord(String word) {
    byte[] bytes = word.getBytes(StandardCharsets.UTF_8);
    if (preTokenizer.ignoresMerges()) {
      int token = vocabulary.id(spell(bytes));
      if (token >= 0) {
        return new int[] {token};
      }
    }
    int[] tokens = new int[bytes.length];
    int n = 0;
    for (byte b : bytes) {
      int token = byteTokens[b & 0xff];
      if (token >= 0) { // a vocabulary without the byte has no way to say it
        tokens[n++] = token;
      }
    }
    return new BytePairMerger(this, tokens, n).merged();
  }

  private static String spell(byte[] bytes) {
    StringBuilder spelling = new StringBuilder(bytes.length);
    for (byte b : bytes) {
      spelling.append(ByteAlphabet.character(b));
    }
    return spelling.toString();
  }

  @Override
  byte[] normalBytes(int token) {
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
