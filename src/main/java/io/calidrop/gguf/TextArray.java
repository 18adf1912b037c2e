package io.calidrop.gguf;

import java.nio.charset.StandardCharsets;
import java.util.AbstractList;
import java.util.Arrays;
import java.util.Objects;
import java.util.RandomAccess;

/**
 * Texts of a file, kept as the UTF-8 that they are there: a vocabulary has hundred thousands, and a
 * run needs a few. As a list it makes a string of each one that is asked for, every time.
 * Immutable: threads may share it.
 */
public final class TextArray extends AbstractList<String> implements RandomAccess {
  private final byte[] bytes;
  private final int[] starts; // [size]
  private final int[] ends; // [size]

  /**
   * @param bytes of all texts, and others between them; not copied
   */
  TextArray(byte[] bytes, int[] starts, int[] ends) {
    this.bytes = bytes;
    this.starts = starts;
    this.ends = ends;
  }

  @Override
  public int size() {
    return starts.length;
  }

  /** A text; what in it is no UTF-8 becomes U+FFFD. */
  @Override
  public String get(int index) {
    return new String(bytes, starts[index], length(index), StandardCharsets.UTF_8);
  }

  /** Bytes of a text. */
  public int length(int index) {
    return ends[index] - starts[index];
  }

  /** A byte of a text, 0 to 255. */
  public int at(int index, int offset) {
    return bytes[starts[index] + Objects.checkIndex(offset, length(index))] & 0xff;
  }

  /** Writes the bytes of a text into {@code out}, from {@code offset} on. */
  public void copy(int index, byte[] out, int offset) {
    System.arraycopy(bytes, starts[index], out, offset, length(index));
  }

  /** Whether a text consists of the first bytes of {@code other}. */
  public boolean equals(int index, byte[] other, int length) {
    return Arrays.equals(bytes, starts[index], ends[index], other, 0, length);
  }

  /** Whether two of the texts are the same. */
  public boolean areEqual(int a, int b) {
    return Arrays.equals(bytes, starts[a], ends[a], bytes, starts[b], ends[b]);
  }

  /** A hash of a text, the same as {@link #hash(byte[], int, int)} of its bytes. */
  public int hash(int index) {
    return hash(bytes, starts[index], ends[index]);
  }

  /** A hash of the bytes in {@code [from, to)} of some text. */
  public static int hash(byte[] text, int from, int to) {
    int hash = 0;
    for (int i = from; i < to; i++) {
      hash = 31 * hash + text[i];
    }
    hash *= 0x9e3779b9; // so that the high bits depend on all of them
    return hash ^ hash >>> 16;
  }
}
