package io.calidrop.text;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Reads texts whole. They are UTF-8, and what is not is refused with its place; a byte-order mark
 * at the beginning is no part of the text.
 */
public final class Utf8 {
  private static final int MARK = 3; // bytes of a byte-order mark

  private Utf8() {}

  /**
   * The text of a file.
   *
   * @throws IOException if it cannot be read, is a folder, or is no UTF-8 text
   */
  public static String read(Path file) throws IOException {
    try (InputStream in = open(file)) {
      return read(in, file.toString());
    }
  }

  /**
   * All that is left in a stream.
   *
   * @param name of the stream in messages
   * @throws IOException if it is no UTF-8 text
   */
  public static String read(InputStream in, String name) throws IOException {
    return decode(in.readAllBytes(), name);
  }

  /**
   * The text of all bytes of a file.
   *
   * @param name of the file in messages
   * @throws IOException if it is no UTF-8 text
   */
  public static String decode(byte[] bytes, String name) throws IOException {
    int mark = mark(bytes, name);
    return decode(bytes, mark, bytes.length - mark, mark, name);
  }

  /** Opens a file; a folder is refused here, and not when the first byte is read. */
  static InputStream open(Path file) throws IOException {
    if (Files.isDirectory(file)) {
      throw new IOException(file + " is a folder, not a file");
    }
    return Files.newInputStream(file);
  }

  /**
   * Bytes of the mark at a file's beginning.
   *
   * @throws IOException if it is the mark of another encoding
   */
  static int mark(byte[] start, String name) throws IOException {
    int first = start.length < 2 ? 0 : (start[0] & 0xff) << 8 | start[1] & 0xff;
    if (first == 0xfffe || first == 0xfeff) {
      throw new IOException(name + " is a text in UTF-16 or UTF-32: save it as UTF-8");
    }
    return first == 0xefbb && start.length >= MARK && (start[2] & 0xff) == 0xbf ? MARK : 0;
  }

  /**
   * Decodes a part of a file.
   *
   * @param offset of the part in the file, in bytes
   */
  static String decode(byte[] bytes, int from, int length, long offset, String name)
      throws IOException {
    CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    ByteBuffer in = ByteBuffer.wrap(bytes, from, length);
    CharBuffer out = CharBuffer.allocate(length); // a byte never becomes more than one char
    CoderResult result = decoder.decode(in, out, true);
    if (result.isError()) {
      long place = offset + in.position() - from + 1;
      throw new IOException("%s is no UTF-8 text (byte %d)".formatted(name, place));
    }
    return out.flip().toString();
  }
}
