package io.calidrop.tokenizer;

/** Turns a stream of bytes into text, holding back a UTF-8 sequence until it is whole. */
public final class Utf8Decoder {

  /** The text that {@code bytes} completes, possibly empty. */
  public String append(byte[] bytes) {
    throw new UnsupportedOperationException();
  }

  /** What was held back, as U+FFFD where it is incomplete; the decoder is empty afterwards. */
  public String flush() {
    throw new UnsupportedOperationException();
  }
}
