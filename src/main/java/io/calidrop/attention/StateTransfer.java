package io.calidrop.attention;

/**
 * Carries a cache's state to a stream or from one. Whatever has state describes it once, in a
 * method {@code transfer} that serves both directions. For one thread at a time.
 */
public interface StateTransfer {
  /** Whether values come from a stream. */
  boolean reading();

  /**
   * Carries a number.
   *
   * @return {@code value}, or what was read instead
   */
  long number(long value);

  /** Carries {@code array[0, count)}. */
  void bytes(byte[] array, int count);

  /** Carries {@code array[0, count)}. */
  void shorts(short[] array, int count);

  /** Carries {@code array[0, count)}. */
  void ints(int[] array, int count);

  /** Carries {@code array[0, count)}. */
  void longs(long[] array, int count);

  /** Carries {@code array[0, count)}. */
  void floats(float[] array, int count);

  /**
   * Carries a number that must be the same on both sides.
   *
   * @throws IllegalArgumentException if another was read
   */
  default void same(String what, long value) {
    long read = number(value);
    if (read != value) {
      throw new IllegalArgumentException(
          "the saved state has %s %d, this cache %d".formatted(what, read, value));
    }
  }

  /**
   * Carries a count.
   *
   * @throws IllegalArgumentException if one was read that is negative or above {@code most}
   */
  default int count(String what, long value, long most) {
    long read = number(value);
    if (read < 0 || read > most) {
      throw new IllegalArgumentException(
          "the saved state has %s %d, which cannot be".formatted(what, read));
    }
    return (int) read;
  }
}
