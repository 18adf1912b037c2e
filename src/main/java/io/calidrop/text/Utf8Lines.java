package io.calidrop.text;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * The lines of a text and where they are, one by one: it is read once, and no more of it is held
 * than a line. A line ends with LF or CR LF; the last one may end without. Not safe for concurrent
 * use.
 */
public final class Utf8Lines implements Closeable {
  private final InputStream in;
  private final String name;
  private long offset; // of the line, in bytes
  private long next; // of the line after it
  private boolean torn;

  /**
   * @param in which is closed with this
   * @param name of the text in messages
   */
  public Utf8Lines(InputStream in, String name) {
    this.in = new BufferedInputStream(in);
    this.name = name;
  }

  /**
   * @throws IOException if the file cannot be read, or is a folder
   */
  public Utf8Lines(Path file) throws IOException {
    this(Utf8.open(file), file.toString());
  }

  /**
   * The next line without its end, or null.
   *
   * @throws IOException if it is no UTF-8 text; the message names the byte
   */
  public String next() throws IOException {
    byte[] line = nextBytes();
    return line == null ? null : decode(line);
  }

  /**
   * The text of what {@link #nextBytes} gave last.
   *
   * @throws IOException if it is no UTF-8 text; the message names the byte
   */
  public String decode(byte[] line) throws IOException {
    return Utf8.decode(line, 0, line.length, offset, name);
  }

  /** The bytes of the next line without its end and without a byte-order mark, or null. */
  public byte[] nextBytes() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    offset = next;
    int b;
    while ((b = in.read()) >= 0) {
      next++;
      if (b == '\n') {
        break;
      }
      line.write(b);
    }
    if (b < 0 && line.size() == 0) {
      return null;
    }
    torn = b < 0;
    byte[] bytes = line.toByteArray();
    int from = offset == 0 ? Utf8.mark(bytes, name) : 0;
    int to =
        bytes.length > from && bytes[bytes.length - 1] == '\r' ? bytes.length - 1 : bytes.length;
    offset += from;
    return Arrays.copyOfRange(bytes, from, to);
  }

  /** Whether the last line ended with the text, without an end of its own. */
  public boolean isTorn() {
    return torn;
  }

  /** Where the last line begins in the file, in bytes. */
  public long offset() {
    return offset;
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
