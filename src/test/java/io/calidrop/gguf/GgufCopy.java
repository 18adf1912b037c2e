package io.calidrop.gguf;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Copies of GGUF files with other metadata. */
public final class GgufCopy {
  private GgufCopy() {}

  /**
   * Copies a file.
   *
   * @param changes values of keys, as {@link GgufWriter#put} takes them
   */
  public static void write(Path from, Path to, Map<String, Object> changes) throws IOException {
    GgufWriter writer = new GgufWriter();
    try (GgufFile file = GgufFile.open(from)) {
      for (String key : file.metadata().keys()) {
        writer.put(key, writable(file.metadata().value(key).orElseThrow().value()));
      }
      changes.forEach(writer::put);
      for (TensorInfo tensor : file.tensors()) {
        long[] shape = tensor.shape().stream().mapToLong(Long::longValue).toArray();
        byte[] data = file.data(tensor).toArray(ValueLayout.JAVA_BYTE);
        writer.tensor(tensor.name(), tensor.type(), out -> out.write(data), shape);
      }
      writer.write(to);
    }
  }

  private static Object writable(Object value) {
    return switch (value) {
      case Long number -> Math.toIntExact(number);
      case Double number -> number.floatValue();
      case long[] numbers -> Arrays.stream(numbers).mapToObj(Math::toIntExact).toList();
      case List<?> list -> list;
      default -> value;
    };
  }
}
