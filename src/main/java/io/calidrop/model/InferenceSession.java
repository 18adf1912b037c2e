package io.calidrop.model;

/** The mutable state of one conversation: activation buffers and the KV cache. */
public final class InferenceSession {

  /** Positions seen so far: the position of the next token. */
  public int position() {
    throw new UnsupportedOperationException();
  }

  public int contextLength() {
    throw new UnsupportedOperationException();
  }

  /** Bytes that the KV cache holds now. */
  public long kvBytes() {
    throw new UnsupportedOperationException();
  }

  /** Forgets every position from {@code position} on. */
  public void truncate(int position) {
    throw new UnsupportedOperationException();
  }
}
