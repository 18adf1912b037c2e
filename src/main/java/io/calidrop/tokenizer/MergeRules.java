package io.calidrop.tokenizer;

import io.calidrop.gguf.TextArray;

/**
 * The merge rules of a vocabulary, "left right" each, found by their text when two tokens meet: of
 * all rules a text needs few. Immutable: threads may share it.
 */
final class MergeRules {
  private final Vocabulary vocabulary;
  private final TextIndex index;

  MergeRules(Vocabulary vocabulary, TextArray rules) {
    this.vocabulary = vocabulary;
    index = new TextIndex(rules);
  }

  /**
   * What merging two neighbours gives: the rule's position, where lower ones come first, in the
   * upper half and the token in the lower one; negative where no rule is about them, or one whose
   * token the vocabulary lacks.
   */
  long merge(int left, int right) {
    int begin = vocabulary.length(left);
    int length = begin + 1 + vocabulary.length(right);
    byte[] text = new byte[length];
    vocabulary.copy(left, text, 0);
    text[begin] = ' ';
    vocabulary.copy(right, text, begin + 1);
    if (firstSpace(text) != begin) {
      return -1; // such a rule would be about other tokens
    }
    int rank = index.find(text, length);
    if (rank < 0) {
      return -1;
    }
    System.arraycopy(text, begin + 1, text, begin, length - begin - 1);
    int token = vocabulary.id(text, length - 1);
    return token < 0 ? -1 : (long) rank << 32 | token;
  }

  /** Where a rule's left token ends: it has a character at least. */
  private static int firstSpace(byte[] text) {
    int at = 1;
    while (at < text.length && text[at] != ' ') {
      at++;
    }
    return at;
  }
}
