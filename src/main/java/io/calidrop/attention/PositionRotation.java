package io.calidrop.attention;

/** Moves rotated keys and queries to other positions. Threads rotate side by side. */
@FunctionalInterface
public interface PositionRotation {
  /** Rotates one head's vector at {@code offset} in place by {@code delta} positions. */
  void rotate(float[] x, int offset, int delta);

  /** Rotates {@code count} vectors, {@code length} numbers apart, by as much. */
  default void rotate(float[] x, int offset, int count, int length, int delta) {
    for (int i = 0; i < count; i++) {
      rotate(x, offset + i * length, delta);
    }
  }

  /**
   * Rotates {@code count} vectors, {@code length} numbers apart, to position 0, each from its own
   * position.
   */
  default void toOrigin(float[] x, int offset, int count, int length, int[] positions) {
    for (int i = 0; i < count; i++) {
      rotate(x, offset + i * length, -positions[i]);
    }
  }

  /** The dimension that is rotated together with dimension {@code d}. */
  default int partner(int d) {
    return d ^ 1;
  }
}
