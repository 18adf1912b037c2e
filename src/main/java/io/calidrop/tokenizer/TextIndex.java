package io.calidrop.tokenizer;

import io.calidrop.gguf.TextArray;

/**
 * Finds texts by their bytes: a hash table of their numbers, without an object a text. Immutable:
 * threads may share it.
 */
final class TextIndex {
  private final TextArray texts;
  private final int[] table; // numbers + 1, 0 where there is none

  TextIndex(TextArray texts) {
    this.texts = texts;
    table = new int[4 * Math.max(1, Integer.highestOneBit(texts.size()))];
    for (int i = 0; i < texts.size(); i++) {
      add(i);
    }
  }

  /** Adds a text; of equal ones the first stays. */
  private void add(int text) {
    int slot = texts.hash(text) & table.length - 1;
    while (table[slot] != 0) {
      if (texts.areEqual(table[slot] - 1, text)) {
        return;
      }
      slot = slot + 1 & table.length - 1;
    }
    table[slot] = text + 1;
  }

  /** The number of the text that the first bytes of {@code bytes} are, or -1. */
  int find(byte[] bytes, int length) {
    int slot = TextArray.hash(bytes, 0, length) & table.length - 1;
    while (table[slot] != 0) {
      if (texts.equals(table[slot] - 1, bytes, length)) {
        return table[slot] - 1;
      }
      slot = slot + 1 & table.length - 1;
    }
    return -1;
  }
}
