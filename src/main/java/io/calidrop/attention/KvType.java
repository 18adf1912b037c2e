package io.calidrop.attention;

/**
 * Number format of cached keys or values. Those with a scale for each 32 dimensions of a row are
 * stored rotated by a {@link Hadamard} matrix.
 */
public enum KvType {
  F32(32),
  F16(16),
  Q8_0(8),
  Q5_0(5),
  Q4_0(4);

  private final int bits;

  KvType(int bits) {
    this.bits = bits;
  }

  /** Bits of a number, its share of a scale aside. */
  public int bits() {
    return bits;
  }

  /** Bytes of so many numbers with their scales, rows being of whole groups. */
  public long bytes(long numbers) {
    long scales = bits > Byte.SIZE ? 0 : numbers / RowPacker.GROUP * Short.BYTES;
    return numbers * bits / Byte.SIZE + scales;
  }

  KeyRows newKeys(int headDim) {
    return switch (this) {
      case F32 -> new F32Keys(headDim);
      case F16 -> new F16Keys(headDim);
      case Q8_0, Q5_0, Q4_0 -> new PackedKeys(headDim, bits);
    };
  }

  /**
   * @param valueLength dimensions of a value, a multiple of those of a key
   */
  ValueRows newValues(int valueLength, int headDim) {
    return switch (this) {
      case F32 -> new F32Values(valueLength);
      case F16 -> new F16Values(valueLength);
      case Q8_0, Q5_0, Q4_0 -> new PackedValues(valueLength, Hadamard.of(headDim), bits);
    };
  }
}
