package io.calidrop.batch;

/**
 * A part of a batch: every {@code of}th request.
 *
 * @param number from 1
 * @param of how many shards there are
 */
public record Shard(int number, int of) {
  /** All requests. */
  public static final Shard ALL = new Shard(1, 1);

  public Shard {
    if (of < 1 || number < 1 || number > of) {
      throw new IllegalArgumentException(
          "a shard is i/n with i from 1 to n, not %d/%d".formatted(number, of));
    }
  }

  /**
   * Reads "2/3".
   *
   * @throws IllegalArgumentException if it is no shard
   */
  public static Shard parse(String text) {
    String[] parts = text.split("/", -1);
    try {
      if (parts.length == 2) {
        return new Shard(Integer.parseInt(parts[0]), Integer.parseInt(parts[1]));
      }
    } catch (NumberFormatException e) {
      // said below
    }
    throw new IllegalArgumentException("a shard is i/n, such as 1/3, not " + text);
  }

  /** Whether a request belongs to it, by its index from 0. */
  boolean holds(long index) {
    return index % of == number - 1;
  }

  /** How many of so many requests belong to it. */
  public long share(long count) {
    return (count - number + of) / of;
  }
}
