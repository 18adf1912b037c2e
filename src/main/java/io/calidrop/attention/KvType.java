package io.calidrop.attention;

/** Number format of the cached keys and values. */
public enum KvType {
  F32,
  F16,
  Q8_0
}
