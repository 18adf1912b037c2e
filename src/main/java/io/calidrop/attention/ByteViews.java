package io.calidrop.attention;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Numbers in arrays of bytes, the lowest byte first. */
final class ByteViews {
  static final VarHandle INT = of(int[].class);
  static final VarHandle SHORT = of(short[].class);
  static final VarHandle FLOAT = of(float[].class);

  private ByteViews() {}

  private static VarHandle of(Class<?> numbers) {
    return MethodHandles.byteArrayViewVarHandle(numbers, ByteOrder.LITTLE_ENDIAN);
  }
}
