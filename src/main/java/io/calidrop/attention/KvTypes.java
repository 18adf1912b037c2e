package io.calidrop.attention;

/** Number formats of a cache's keys and of its values. */
public record KvTypes(KvType keys, KvType values) {
  /** The same for both. */
  public static KvTypes of(KvType type) {
    return new KvTypes(type, type);
  }

  KvHead newHead(int headDim) {
    return newHead(headDim, headDim);
  }

  /** A head that keeps every row, of which the newest are nearly exact. */
  KvHead newFullHead(int headDim) {
    return new KvHead(
        keys.newKeys(headDim), values.newValues(headDim, headDim), NewestRows.of(this, headDim));
  }

  KvHead newHead(int headDim, int valueLength) {
    return new KvHead(keys.newKeys(headDim), values.newValues(valueLength, headDim));
  }

  /** One name where both are the same, else the bits of each: K5V4. */
  @Override
  public String toString() {
    return keys == values ? keys.toString() : "K" + keys.bits() + "V" + values.bits();
  }
}
