package io.calidrop.attention;

/** Number format of the cached keys and values. */
public enum KvType {
  F32,
  F16,
  Q8_0;

  KvHead newHead(int headDim) {
    return newHead(headDim, headDim);
  }

  KvHead newHead(int headDim, int valueLength) {
    return switch (this) {
      case F32 -> new F32KvHead(headDim, valueLength);
      case F16 -> new F16KvHead(headDim, valueLength);
      case Q8_0 -> new Q8KvHead(headDim, valueLength);
    };
  }
}
