package io.calidrop.tokenizer;

import io.calidrop.gguf.Metadata;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Byte-pair encoding: words are spelt in bytes (GPT-2 and most others) or in characters (Gemma 4),
 * and neighbouring tokens merged in the order of the model's merge rules.
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
  private final Spelling spelling;

  BytePairTokenizer(
      Vocabulary vocabulary, PreTokenizer preTokenizer, Metadata metadata, List<String> notices) {
    super(
        vocabulary, metadata.bool("tokenizer.ggml.add_bos_token", preTokenizer.addsBos()), notices);
    this.preTokenizer = preTokenizer;
    spelling =
        preTokenizer.isByteLevel() ? new ByteSpelling(vocabulary) : new TextSpelling(vocabulary);
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
    if (preTokenizer.ignoresMerges()) {
      int token = vocabulary.id(spelling.of(word));
      if (token >= 0) {
        return new int[] {token};
      }
    }
    return new BytePairMerger(this, spelling.symbols(word)).merged();
  }

  @Override
  byte[] normalBytes(int token) {
    return spelling.bytes(token);
  }
}
