package io.calidrop.attention;

import static io.calidrop.tensor.VectorShape.LANES;

import io.calidrop.tensor.VectorShape;

/** Values row by row, as their weighted sum needs them. */
abstract sealed class ValueRows extends RowStore permits F32Values, F16Values, PackedValues {
  /** Dimensions of a value. */
  final int valueLength;

  /** Length of a stored value: its dimensions, rounded up to two vectors. */
  final int valueDim;

  ValueRows(int valueLength) {
    this.valueLength = valueLength;
    this.valueDim = valueDim(valueLength);
  }

  /** Length of a stored value of {@code valueLength} dimensions. */
  static int valueDim(int valueLength) {
    return VectorShape.roundUp(valueLength, Math.max(2 * LANES, VectorShape.PARTIALS));
  }

  /** What a sum of values must be rotated by: values are stored rotated by it. */
  Hadamard rotation() {
    return Hadamard.NONE;
  }

  /** What a weight must be multiplied by before {@link #accumulate}. */
  abstract float weightScale();

  /** See {@link KvHead#accumulate}. */
  abstract void accumulate(
      int row, int count, float[] weights, float[] out, int offset, AttentionScratch scratch);

  /** Bytes of a row, and of what {@link #encodeRow} writes. */
  abstract int rowBytes();

  /**
   * Encodes a row by itself, in as many bits as a page's rows.
   *
   * @param x [valueLength] at {@code offset}, rotated by {@link #rotation}
   * @param to gets its bytes at {@code o}
   */
  abstract void encodeRow(float[] x, int offset, byte[] to, int o);

  /**
   * Decodes rows that {@link #encodeRow} wrote, as they are stored: not rotated back.
   *
   * @param from has a row at {@code offset} and one every {@code stride} bytes, and may be read a
   *     few bytes beyond the last one
   * @param out gets {@code count} rows [valueDim], one after the other, from {@code o} on, one
   *     every {@code length} numbers: what is written beyond these the next one overwrites
   */
  abstract void decodeRows(
      byte[] from, int offset, int stride, int count, float[] out, int o, int length);
}
