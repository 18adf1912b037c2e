package io.calidrop.attention;

/** Moves rotated keys and queries to other positions. */
@FunctionalInterface
public interface PositionRotation {
  /** Rotates one head's vector at {@code offset} in place by {@code delta} positions. */
  void rotate(float[] x, int offset, int delta);

  /** The dimension that is rotated together with dimension {@code d}. */
  default int partner(int d) {
    return d ^ 1;
  }
}
