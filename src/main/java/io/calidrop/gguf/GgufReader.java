package io.calidrop.gguf;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Parses the header of a GGUF file. Every count and length is compared with the bytes that are left
 * before anything is allocated for it.
 */
final class GgufReader {
  private static final int MAGIC = 0x46554747; // "GGUF"
  private static final int DEFAULT_ALIGNMENT = 32;
  private static final int MAX_ALIGNMENT = 1 << 20;
  private static final int MAX_DIMENSIONS = 4;
  private static final int MAX_NESTING = 8;
  private static final long MAX_NAME_BYTES = 1 << 16;
  private static final int MIN_PAIR_BYTES = 8 + 4 + 1;
  private static final int MIN_TENSOR_BYTES = 8 + 4 + 8 + 4 + 8;

  private static final ValueLayout.OfShort SHORT = little(ValueLayout.JAVA_SHORT_UNALIGNED);
  private static final ValueLayout.OfInt INT = little(ValueLayout.JAVA_INT_UNALIGNED);
  private static final ValueLayout.OfLong LONG = little(ValueLayout.JAVA_LONG_UNALIGNED);

  private final String source;
  private final MemorySegment file;
  private final int version;
  private final Metadata metadata;
  private final List<TensorInfo> tensors;
  private long at;

  GgufReader(String source, MemorySegment file) {
    this.source = source;
    this.file = file;
    version = readVersion();
    long tensorCount = readCount("tensors", MIN_TENSOR_BYTES);
    long pairCount = readCount("metadata entries", MIN_PAIR_BYTES);
    metadata = readMetadata(pairCount);
    tensors = readTensors(tensorCount);
  }

  private static ValueLayout.OfShort little(ValueLayout.OfShort layout) {
    return layout.withOrder(ByteOrder.LITTLE_ENDIAN);
  }

  private static ValueLayout.OfInt little(ValueLayout.OfInt layout) {
    return layout.withOrder(ByteOrder.LITTLE_ENDIAN);
  }

  private static ValueLayout.OfLong little(ValueLayout.OfLong layout) {
    return layout.withOrder(ByteOrder.LITTLE_ENDIAN);
  }

  int version() {
    return version;
  }

  Metadata metadata() {
    return metadata;
  }

  List<TensorInfo> tensors() {
    return tensors;
  }

  private int readVersion() {
    if (file.byteSize() == 0) {
      throw failure("the file is empty");
    }
    if (file.byteSize() < 8 || file.get(INT, 0) != MAGIC) {
      throw failure("not a GGUF file" + likelyKind());
    }
    at = 4;
    int found = readInt("the version");
    if (found == 2 || found == 3) {
      return found;
    }
    int swapped = Integer.reverseBytes(found);
    if (swapped >= 1 && swapped <= 3) {
      throw failure("a big-endian GGUF file; only little-endian ones are supported");
    }
    throw failure(
        "GGUF version " + Integer.toUnsignedString(found) + "; versions 2 and 3 are supported");
  }

  private String likelyKind() {
    byte[] start = file.asSlice(0, Math.min(64, file.byteSize())).toArray(ValueLayout.JAVA_BYTE);
    String text = new String(start, StandardCharsets.ISO_8859_1).stripLeading();
    if (text.startsWith("version https://git-lfs")) {
      return " but a Git LFS pointer: fetch the file itself with `git lfs pull`";
    }
    if (text.startsWith("<")) {
      return " but a web page: download the file itself";
    }
    if (text.startsWith("PK")) {
      return " but a zip archive";
    }
    return text.length() > 8 && text.charAt(8) == '{' ? " but perhaps safetensors: convert it" : "";
  }

  private Metadata readMetadata(long count) {
    Map<String, Metadata.Value> values = new LinkedHashMap<>();
    for (long i = 0; i < count; i++) {
      String key = readString("a metadata key", MAX_NAME_BYTES);
      MetadataType type = readType(key);
      if (values.put(key, readValue(key, type, 0)) != null) {
        throw failure("metadata key " + key + " occurs twice");
      }
    }
    return new Metadata(source, values);
  }

  private MetadataType readType(String key) {
    int id = readInt("the type of " + key);
    MetadataType type = MetadataType.of(id);
    if (type == null) {
      throw failure(
          "metadata key " + key + " has the unknown type " + Integer.toUnsignedString(id));
    }
    return type;
  }

  private Metadata.Value readValue(String key, MetadataType type, int depth) {
    return switch (type) {
      case ARRAY -> readArray(key, depth);
      case STRING -> new Metadata.Value(type, null, readString(key, Long.MAX_VALUE));
      case BOOL -> new Metadata.Value(type, null, readBoolean(key));
      case FLOAT32 -> new Metadata.Value(type, null, (double) Float.intBitsToFloat(readInt(key)));
      case FLOAT64 -> new Metadata.Value(type, null, Double.longBitsToDouble(readLong(key)));
      default -> new Metadata.Value(type, null, readInteger(key, type));
    };
  }

  private Metadata.Value readArray(String key, int depth) {
    if (depth == MAX_NESTING) {
      throw failure("metadata key " + key + " nests arrays too deeply");
    }
    MetadataType type = readType(key);
    int count = (int) readCount("elements of " + key, type.minimumBytes());
    Object elements =
        switch (type) {
          case STRING -> readTexts(key, count);
          case ARRAY -> {
            List<Metadata.Value> values = new ArrayList<>(count);
            for (int i = 0; i < count; i++) {
              values.add(readArray(key, depth + 1));
            }
            yield List.copyOf(values);
          }
          case BOOL -> {
            boolean[] values = new boolean[count];
            for (int i = 0; i < count; i++) {
              values[i] = readBoolean(key);
            }
            yield values;
          }
          case FLOAT32, FLOAT64 -> {
            double[] values = new double[count];
            for (int i = 0; i < count; i++) {
              values[i] = (Double) readValue(key, type, depth).value();
            }
            yield values;
          }
          default -> {
            long[] values = new long[count];
            for (int i = 0; i < count; i++) {
              values[i] = readInteger(key, type);
            }
            yield values;
          }
        };
    return new Metadata.Value(MetadataType.ARRAY, type, elements);
  }

  /** Vocabularies are long, and read before anything is compiled: by a buffer's plain methods. */
  private TextArray readTexts(String key, int count) {
    String what = "the length of " + key;
    long begin = at;
    ByteBuffer rest =
        file.asSlice(begin, Math.min(Integer.MAX_VALUE - 8, file.byteSize() - begin))
            .asByteBuffer()
            .order(ByteOrder.LITTLE_ENDIAN);
    int[] starts = new int[count];
    int[] ends = new int[count];
    for (int i = 0; i < count; i++) {
      int from = (int) (advance(8, what) - begin);
      long length = from + 8 <= rest.limit() ? rest.getLong(from) : rest.limit();
      advance(checkedLength(length, key, Integer.MAX_VALUE - 8), key);
      if (at - begin > rest.limit()) {
        throw failure("the texts of metadata key %s are too long".formatted(key));
      }
      starts[i] = from + 8;
      ends[i] = (int) (at - begin);
    }
    byte[] bytes = new byte[(int) (at - begin)];
    rest.get(0, bytes);
    return new TextArray(bytes, starts, ends);
  }

  private long readInteger(String key, MetadataType type) {
    return switch (type) {
      case UINT8 -> readByte(key) & 0xffL;
      case INT8 -> readByte(key);
      case UINT16 -> readShort(key) & 0xffffL;
      case INT16 -> readShort(key);
      case UINT32 -> readInt(key) & 0xffff_ffffL;
      case INT32 -> readInt(key);
      case INT64 -> readLong(key);
      default -> {
        long value = readLong(key);
        if (value < 0) {
          throw failure(
              "metadata key %s has the impossible value %s"
                  .formatted(key, Long.toUnsignedString(value)));
        }
        yield value;
      }
    };
  }

  private boolean readBoolean(String key) {
    int value = readByte(key);
    if (value != 0 && value != 1) {
      throw failure("metadata key " + key + " has a boolean that is neither 0 nor 1");
    }
    return value == 1;
  }

  private List<TensorInfo> readTensors(long count) {
    if (metadata.int32("split.count", 1) > 1) {
      throw failure("one part of a split model; merge the parts first (llama-gguf-split --merge)");
    }
    int alignment = metadata.int32("general.alignment", DEFAULT_ALIGNMENT);
    if (Integer.bitCount(alignment) != 1 || alignment < 8 || alignment > MAX_ALIGNMENT) {
      throw failure("general.alignment is " + alignment + ", not a power of two from 8 on");
    }
    List<TensorInfo> relative = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (long i = 0; i < count; i++) {
      TensorInfo tensor = readTensor(alignment);
      if (!names.add(tensor.name())) {
        throw failure("tensor " + tensor.name() + " occurs twice");
      }
      relative.add(tensor);
    }
    long start = Math.ceilDiv(at, (long) alignment) * alignment;
    return relative.stream().map(tensor -> located(tensor, start)).toList();
  }

  private TensorInfo readTensor(int alignment) {
    String name = readString("a tensor's name", MAX_NAME_BYTES);
    int dimensions = readInt("the dimensions of tensor " + name);
    if (dimensions < 1 || dimensions > MAX_DIMENSIONS) {
      throw failure(
          "tensor %s has %s dimensions; 1 to %d are possible"
              .formatted(name, Integer.toUnsignedString(dimensions), MAX_DIMENSIONS));
    }
    List<Long> shape = new ArrayList<>();
    long elements = 1;
    for (int i = 0; i < dimensions; i++) {
      long size = readLong("the shape of tensor " + name);
      // No format has fewer than an eighth of a byte an element: more cannot be in the file.
      if (size < 1 || size > 8 * file.byteSize() / elements) {
        throw failure(
            "tensor %s has a dimension of %s, more than the file can hold"
                .formatted(name, Long.toUnsignedString(size)));
      }
      elements *= size;
      shape.add(size);
    }
    int typeId = readInt("the type of tensor " + name);
    GgmlType type =
        GgmlType.of(typeId)
            .orElseThrow(
                () ->
                    failure(
                        "tensor %s has the unknown type %s"
                            .formatted(name, Integer.toUnsignedString(typeId))));
    if (shape.getFirst() % type.blockSize() != 0) {
      throw failure(
          "tensor %s has rows of %d elements, not whole %s blocks of %d"
              .formatted(name, shape.getFirst(), type, type.blockSize()));
    }
    long offset = readLong("the offset of tensor " + name);
    if (offset < 0 || offset % alignment != 0) {
      throw failure(
          "tensor %s has the offset %s, no multiple of the alignment %d"
              .formatted(name, Long.toUnsignedString(offset), alignment));
    }
    return new TensorInfo(name, type, List.copyOf(shape), offset, type.bytes(elements));
  }

  private TensorInfo located(TensorInfo tensor, long start) {
    long room = file.byteSize() - start;
    if (tensor.offset() > room || tensor.byteSize() > room - tensor.offset()) {
      throw failure(
          "tensor %s lies beyond the end of the file: it is truncated, fetch it again"
              .formatted(tensor.name()));
    }
    return new TensorInfo(
        tensor.name(), tensor.type(), tensor.shape(), start + tensor.offset(), tensor.byteSize());
  }

  /**
   * Reads a count of things that take at least {@code bytes} each, and checks that so many can
   * follow.
   */
  private long readCount(String what, int bytes) {
    long count = readLong("the number of " + what);
    if (count < 0 || count > (file.byteSize() - at) / bytes || count > Integer.MAX_VALUE - 8) {
      throw failure(
          "claims %s %s, more than the file can hold"
              .formatted(Long.toUnsignedString(count), what));
    }
    return count;
  }

  private String readString(String what, long maxBytes) {
    long length = checkedLength(readLong("the length of " + what), what, maxBytes);
    long from = advance(length, what);
    byte[] bytes = new byte[(int) length];
    MemorySegment.copy(file, ValueLayout.JAVA_BYTE, from, bytes, 0, bytes.length);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private long checkedLength(long length, String what, long most) {
    if (length < 0 || length > Math.min(most, Integer.MAX_VALUE - 8)) {
      throw failure("%s claims to be %s bytes long".formatted(what, Long.toUnsignedString(length)));
    }
    return length;
  }

  private byte readByte(String what) {
    return file.get(ValueLayout.JAVA_BYTE, advance(1, what));
  }

  private short readShort(String what) {
    return file.get(SHORT, advance(2, what));
  }

  private int readInt(String what) {
    return file.get(INT, advance(4, what));
  }

  private long readLong(String what) {
    return file.get(LONG, advance(8, what));
  }

  /** Takes {@code bytes} bytes; returns where they begin. */
  private long advance(long bytes, String what) {
    if (bytes > file.byteSize() - at) {
      throw failure("ends within " + printable(what) + ": it is truncated, fetch it again");
    }
    long from = at;
    at += bytes;
    return from;
  }

  private ModelFormatException failure(String message) {
    return new ModelFormatException(printable(source + ": " + message));
  }

  /** Names come out of the file: an error stays one line of sane length whatever they contain. */
  private static String printable(String text) {
    String line = text.replaceAll("\\p{Cntrl}", "?");
    return line.length() <= 400 ? line : line.substring(0, 400) + "...";
  }
}
