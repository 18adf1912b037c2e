package io.calidrop.constraint;

import java.util.Arrays;

/**
 * Tokens in the order of their bytes. The first bytes decide most of it: they are sorted as
 * numbers, which is fast before anything is compiled, too.
 */
final class TokenOrder {
  private static final int BYTES = 5;
  private static final int ID_BITS = 23;

  private TokenOrder() {}

  /**
   * Those that have bytes.
   *
   * @param bytes of fewer than 2^{@value #ID_BITS} tokens
   */
  static int[] of(byte[][] bytes) {
    long[] keys = new long[bytes.length];
    int count = 0;
    for (int id = 0; id < bytes.length; id++) {
      if (bytes[id].length > 0) {
        keys[count++] = beginning(bytes[id]) << ID_BITS | id;
      }
    }
    Arrays.sort(keys, 0, count);
    Integer[] tokens = new Integer[count];
    for (int i = 0; i < count; i++) {
      tokens[i] = (int) keys[i] & (1 << ID_BITS) - 1;
    }
    for (int from = 0; from < count; ) {
      int to = from + 1;
      while (to < count && keys[to] >> ID_BITS == keys[from] >> ID_BITS) {
        to++;
      }
      if (to > from + 1) {
        Arrays.sort(tokens, from, to, (a, b) -> Arrays.compareUnsigned(bytes[a], bytes[b]));
      }
      from = to;
    }
    int[] sorted = new int[count];
    Arrays.setAll(sorted, i -> tokens[i]);
    return sorted;
  }

  private static long beginning(byte[] bytes) {
    long value = 0;
    for (int i = 0; i < BYTES; i++) {
      value = value << 8 | (i < bytes.length ? bytes[i] & 0xff : 0);
    }
    return value;
  }
}
