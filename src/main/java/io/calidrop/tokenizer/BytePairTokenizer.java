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

  private final PreTokenizer preTokenizer;
  private final MergeRules rules;
  private final Spelling spelling;

  BytePairTokenizer(
      Vocabulary vocabulary, PreTokenizer preTokenizer, Metadata metadata, List<String> notices) {
    super(
        vocabulary, metadata.bool("tokenizer.ggml.add_bos_token", preTokenizer.addsBos()), notices);
    this.preTokenizer = preTokenizer;
    spelling =
        preTokenizer.isByteLevel() ? new ByteSpelling(vocabulary) : new TextSpelling(vocabulary);
    rules = new MergeRules(vocabulary, metadata.strings("tokenizer.ggml.merges"));
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
    return new BytePairMerger(rules, spelling.symbols(word)).merged();
  }

  @Override
  byte[] normalBytes(int token) {
    return spelling.bytes(token);
  }
}
