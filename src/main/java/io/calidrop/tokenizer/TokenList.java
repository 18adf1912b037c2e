package io.calidrop.tokenizer;

import java.util.Arrays;

/** A growing array of tokens. For one thread at a time. */
public final class TokenList {
  private int[] tokens = new int[64];
  private int size;

  /** An empty one. */
  public TokenList() {}

  public int size() {
    return size;
  }

  /** Holds the tokens in {@code [0, size)}; another array after more were added. */
  public int[] array() {
    return tokens;
  }

  public void add(int token) {
    grow(size + 1);
    tokens[size++] = token;
  }

  public void addAll(int[] more) {
    grow(size + more.length);
    System.arraycopy(more, 0, tokens, size, more.length);
    size += more.length;
  }

  private void grow(int needed) {
    if (needed > tokens.length) {
      tokens = Arrays.copyOf(tokens, Math.max(needed, 2 * tokens.length));
    }
  }

  /** Drops every token from {@code size} on. */
  public void truncate(int size) {
    this.size = Math.min(size, this.size);
  }

  public int[] toArray() {
    return Arrays.copyOf(tokens, size);
  }
}
