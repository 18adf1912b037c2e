package io.calidrop.constraint;

import java.util.Arrays;

/**
 * Tokens by their bytes, as a tree: a node is a sequence of bytes, and its number is its place when
 * the tree is read from left to right, so that those below it follow it. Immutable.
 */
final class TokenTrie {
  private byte[] label = new byte[256]; // the last byte of each node
  private int[] end = new int[256]; // the first node that is not below each
  private int[] token = new int[256]; // with the bytes of each node, or -1
  private final int[] same; // the next token with the same bytes, or -1
  private int size;

  /**
   * @param bytes of each token of the vocabulary; of those in the tree, there is at least one
   * @param tokens which are in the tree, in the order of their bytes
   */
  TokenTrie(byte[][] bytes, int[] tokens) {
    same = new int[bytes.length];
    Arrays.fill(same, -1);
    int[] path = new int[longest(bytes, tokens) + 1]; // nodes from the root on
    int depth = 0;
    add((byte) 0);
    byte[] last = {};
    for (int id : tokens) {
      byte[] spelled = bytes[id];
      int mismatch = Arrays.mismatch(last, spelled);
      int common = mismatch < 0 ? last.length : mismatch;
      for (; depth > common; depth--) {
        end[path[depth]] = size;
      }
      for (; depth < spelled.length; depth++) {
        path[depth + 1] = add(spelled[depth]);
      }
      same[id] = token[path[depth]];
      token[path[depth]] = id;
      last = spelled;
    }
    for (; depth >= 0; depth--) {
      end[path[depth]] = size;
    }
  }

  private static int longest(byte[][] bytes, int[] tokens) {
    int longest = 0;
    for (int token : tokens) {
      longest = Math.max(longest, bytes[token].length);
    }
    return longest;
  }

  private int add(byte value) {
    if (size == label.length) {
      label = Arrays.copyOf(label, 2 * size);
      end = Arrays.copyOf(end, 2 * size);
      token = Arrays.copyOf(token, 2 * size);
    }
    label[size] = value;
    token[size] = -1;
    return size++;
  }

  /** The last byte of a node, 0 to 255. */
  int value(int node) {
    return label[node] & 0xff;
  }

  /** The node after a node and all below it. */
  int end(int node) {
    return end[node];
  }

  /** Sets the bits of a node's tokens. */
  void mark(int node, long[] mask) {
    for (int id = token[node]; id >= 0; id = same[id]) {
      mask[id >> 6] |= 1L << id;
    }
  }
}
