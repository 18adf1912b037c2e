package io.calidrop.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Little-endian numbers at any address of a tensor's data. */
final class Blocks {
  static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
  static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Blocks() {}

  static int u8(MemorySegment source, long offset) {
    return source.get(BYTE, offset) & 0xff;
  }

  static int s8(MemorySegment source, long offset) {
    return source.get(BYTE, offset);
  }

  static int u16(MemorySegment source, long offset) {
    return source.get(SHORT, offset) & 0xffff;
  }

  static int i32(MemorySegment source, long offset) {
    return source.get(INT, offset);
  }

  static float half(MemorySegment source, long offset) {
    return Float.float16ToFloat(source.get(SHORT, offset));
  }
}
