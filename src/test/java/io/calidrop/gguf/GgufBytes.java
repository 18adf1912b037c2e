package io.calidrop.gguf;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Writes GGUF files byte by byte, right or wrong. */
public final class GgufBytes {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  /** Begins a file with its header. */
  public static GgufBytes header(int version, long tensors, long pairs) {
    return new GgufBytes().int32(0x46554747).int32(version).int64(tensors).int64(pairs);
  }

  public GgufBytes int8(int value) {
    out.write(value);
    return this;
  }

  public GgufBytes int16(int value) {
    return raw(buffer(2).putShort((short) value));
  }

  public GgufBytes int32(int value) {
    return raw(buffer(4).putInt(value));
  }

  public GgufBytes int64(long value) {
    return raw(buffer(8).putLong(value));
  }

  public GgufBytes float32(float value) {
    return raw(buffer(4).putFloat(value));
  }

  public GgufBytes string(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    int64(bytes.length);
    out.writeBytes(bytes);
    return this;
  }

  /** A metadata key and the number of its type. */
  public GgufBytes key(String key, int type) {
    return string(key).int32(type);
  }

  public GgufBytes text(String key, String value) {
    return key(key, MetadataType.STRING.ordinal()).string(value);
  }

  public GgufBytes number(String key, int value) {
    return key(key, MetadataType.UINT32.ordinal()).int32(value);
  }

  /** An entry of the tensor directory. */
  public GgufBytes tensor(String name, int type, long offset, long... shape) {
    string(name).int32(shape.length);
    for (long size : shape) {
      int64(size);
    }
    return int32(type).int64(offset);
  }

  /** Zeros up to a multiple of {@code alignment}. */
  public GgufBytes align(int alignment) {
    while (out.size() % alignment != 0) {
      int8(0);
    }
    return this;
  }

  public GgufBytes zeros(int count) {
    out.writeBytes(new byte[count]);
    return this;
  }

  public byte[] bytes() {
    return out.toByteArray();
  }

  public Path write(Path file) throws IOException {
    return Files.write(file, bytes());
  }

  private static ByteBuffer buffer(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }

  private GgufBytes raw(ByteBuffer buffer) {
    out.writeBytes(buffer.array());
    return this;
  }
}
