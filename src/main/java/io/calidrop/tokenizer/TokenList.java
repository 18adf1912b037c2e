package io.calidrop.tokenizer;

import java.util.Arrays;

/** A growing array of tokens. */
final class TokenList {
  private int[] tokens = new int[64];
  private int size;

  void add(int token) {
    if (size == tokens.length) {
      tokens = Arrays.copyOf(tokens, 2 * size);
    }
    tokens[size++] = token;
  }

  void addAll(int[] more) {
    for (int token : more) {
      add(token);
    }
  }

  int[] toArray() {
    return Arrays.copyOf(tokens, size);
  }
}
