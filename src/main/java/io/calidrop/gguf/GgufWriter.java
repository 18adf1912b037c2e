package io.calidrop.gguf;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes GGUF files of version 3: metadata and tensors are declared first, then written in one
 * stream.
 */
public final class GgufWriter {
  private static final int MAGIC = 0x46554747; // "GGUF"
  private static final int VERSION = 3;
  private static final int ALIGNMENT = 32;

  /** Writes a tensor's bytes. */
  @FunctionalInterface
  public interface TensorData {
    void writeTo(OutputStream out) throws IOException;
  }

  private record Tensor(String name, GgmlType type, long[] shape, long bytes, TensorData data) {}

  private final Map<String, Object> metadata = new LinkedHashMap<>();
  private final List<Tensor> tensors = new ArrayList<>();

  /**
   * Declares metadata: an Integer, Float, Boolean, String, or a list of strings, integers or
   * floats.
   */
  public GgufWriter put(String key, Object value) {
    metadata.put(key, value);
    return this;
  }

  /** The metadata so far, as it will be read; arrays aside. */
  public Metadata metadata() {
    Map<String, Metadata.Value> values = new LinkedHashMap<>();
    metadata.forEach(
        (key, value) -> {
          switch (value) {
            case String text ->
                values.put(key, new Metadata.Value(MetadataType.STRING, null, text));
            case Integer number ->
                values.put(key, new Metadata.Value(MetadataType.INT32, null, number.longValue()));
            case Float number ->
                values.put(
                    key, new Metadata.Value(MetadataType.FLOAT32, null, number.doubleValue()));
            case Boolean flag -> values.put(key, new Metadata.Value(MetadataType.BOOL, null, flag));
            default -> {}
          }
        });
    return new Metadata("the new file", values);
  }

  /**
   * Declares a tensor.
   *
   * @param data writes exactly as many bytes as type and shape take
   * @param shape the contiguous dimension first
   */
  public GgufWriter tensor(String name, GgmlType type, TensorData data, long... shape) {
    long elements = 1;
    for (long size : shape) {
      elements = Math.multiplyExact(elements, size);
    }
    tensors.add(new Tensor(name, type, shape.clone(), type.bytes(elements), data));
    return this;
  }

  /** Writes the file, replacing one that is there. */
  public void write(Path path) throws IOException {
    try (CountingStream out =
        new CountingStream(new BufferedOutputStream(Files.newOutputStream(path), 1 << 20))) {
      int32(out, MAGIC);
      int32(out, VERSION);
      int64(out, tensors.size());
      int64(out, metadata.size());
      for (Map.Entry<String, Object> entry : metadata.entrySet()) {
        string(out, entry.getKey());
        value(out, entry.getValue());
      }
      long offset = 0;
      for (Tensor tensor : tensors) {
        string(out, tensor.name);
        int32(out, tensor.shape.length);
        for (long size : tensor.shape) {
          int64(out, size);
        }
        int32(out, tensor.type.id());
        int64(out, offset);
        offset += Math.ceilDiv(tensor.bytes, ALIGNMENT) * ALIGNMENT;
      }
      for (Tensor tensor : tensors) {
        out.align();
        long start = out.count;
        tensor.data.writeTo(out);
        if (out.count - start != tensor.bytes) {
          throw new IllegalArgumentException(
              "tensor %s: %d bytes written, its shape takes %d"
                  .formatted(tensor.name, out.count - start, tensor.bytes));
        }
      }
    }
  }

  private static void value(OutputStream out, Object value) throws IOException {
    switch (value) {
      case String text -> {
        type(out, MetadataType.STRING);
        string(out, text);
      }
      case Integer number -> {
        // The usual type of sizes; other readers insist on it.
        type(out, number < 0 ? MetadataType.INT32 : MetadataType.UINT32);
        int32(out, number);
      }
      case Float number -> {
        type(out, MetadataType.FLOAT32);
        int32(out, Float.floatToRawIntBits(number));
      }
      case Boolean flag -> {
        type(out, MetadataType.BOOL);
        out.write(flag ? 1 : 0);
      }
      case List<?> list -> array(out, list);
      default -> throw new IllegalArgumentException("no GGUF type for " + value.getClass());
    }
  }

  private static void array(OutputStream out, List<?> list) throws IOException {
    type(out, MetadataType.ARRAY);
    Object first = list.isEmpty() ? 0 : list.getFirst();
    type(
        out,
        switch (first) {
          case String text -> MetadataType.STRING;
          case Float number -> MetadataType.FLOAT32;
          default -> MetadataType.INT32;
        });
    int64(out, list.size());
    for (Object element : list) {
      switch (element) {
        case String text -> string(out, text);
        case Float number -> int32(out, Float.floatToRawIntBits(number));
        default -> int32(out, (Integer) element);
      }
    }
  }

  private static void type(OutputStream out, MetadataType type) throws IOException {
    int32(out, type.ordinal());
  }

  private static void string(OutputStream out, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    int64(out, bytes.length);
    out.write(bytes);
  }

  private static void int32(OutputStream out, int value) throws IOException {
    out.write(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
  }

  private static void int64(OutputStream out, long value) throws IOException {
    out.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array());
  }

  /** Knows how much was written, to align what follows. */
  private static final class CountingStream extends OutputStream {
    private final OutputStream out;
    private long count;

    CountingStream(OutputStream out) {
      this.out = out;
    }

    @Override
    public void write(int b) throws IOException {
      out.write(b);
      count++;
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      out.write(bytes, offset, length);
      count += length;
    }

    void align() throws IOException {
      while (count % ALIGNMENT != 0) {
        write(0);
      }
    }

    @Override
    public void close() throws IOException {
      out.close();
    }
  }
}
