package io.calidrop.gguf;

/** The types of a metadata value, in the order of their identifiers. */
public enum MetadataType {
  UINT8(1),
  INT8(1),
  UINT16(2),
  INT16(2),
  UINT32(4),
  INT32(4),
  FLOAT32(4),
  BOOL(1),
  STRING(8),
  ARRAY(12),
  UINT64(8),
  INT64(8),
  FLOAT64(8);

  private static final MetadataType[] VALUES = values();

  private final int bytes;

  MetadataType(int bytes) {
    this.bytes = bytes;
  }

  /** Bytes of a value in the file, the least where they vary. */
  int minimumBytes() {
    return bytes;
  }

  /** The type of that identifier, or null. */
  static MetadataType of(int id) {
    return id >= 0 && id < VALUES.length ? VALUES[id] : null;
  }
}
