package io.calidrop.tokenizer;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Turns a stream of bytes into text, holding back a UTF-8 sequence until it is whole. For one
 * thread at a time.
 */
public final class Utf8Decoder {
  private final CharsetDecoder decoder =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPLACE)
          .onUnmappableCharacter(CodingErrorAction.REPLACE);
  private ByteBuffer held = ByteBuffer.allocate(0);

  /** A decoder that holds nothing back yet. */
  public Utf8Decoder() {}

  /** The text that {@code bytes} completes, possibly empty. */
  public String append(byte[] bytes) {
    return decode(bytes, false);
  }

  /** What was held back, as U+FFFD where it is incomplete; the decoder is empty afterwards. */
  public String flush() {
    String text = decode(new byte[0], true);
    decoder.reset();
    return text;
  }

  private String decode(byte[] bytes, boolean end) {
    ByteBuffer in =
        ByteBuffer.allocate(held.remaining() + bytes.length).put(held).put(bytes).flip();
    CharBuffer out = CharBuffer.allocate(in.remaining() + 1);
    decoder.decode(in, out, end);
    held = ByteBuffer.allocate(in.remaining()).put(in).flip();
    return out.flip().toString();
  }
}
