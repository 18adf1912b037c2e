package io.calidrop.tokenizer;

import java.util.Arrays;

/**
 * The printable characters by which byte-level BPE vocabularies spell bytes, as GPT-2 introduced
 * them: printable Latin-1 characters stand for themselves, the others for U+0100 and up in order.
 */
public final class ByteAlphabet {
  private static final char[] CHARACTERS = new char[256];
  private static final short[] BYTES = new short[512];

  static {
    Arrays.fill(BYTES, (short) -1);
    int next = 256;
    for (int b = 0; b < 256; b++) {
      boolean printable = b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae;
      CHARACTERS[b] = (char) (printable ? b : next++);
      BYTES[CHARACTERS[b]] = (short) b;
    }
  }

  private ByteAlphabet() {}

  /** The character that spells a byte. */
  public static char character(byte b) {
    return CHARACTERS[b & 0xff];
  }

  /** The byte that a character spells, or -1. */
  static int value(char c) {
    return c < BYTES.length ? BYTES[c] : -1;
  }
}
