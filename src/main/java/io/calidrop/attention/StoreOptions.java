package io.calidrop.attention;

/**
 * Where evicted rows stay, to be read again. Immutable: threads may share it.
 *
 * @param place of the rows; their sketches are in RAM
 * @param bytes most that rows and sketches take; what exceeds them is folded, the oldest first
 * @param recall stored rows that each token reads of each KV head
 * @param types number formats of stored rows
 */
public record StoreOptions(Place place, long bytes, int recall, KvTypes types) {
  public static final long DEFAULT_BYTES = 1L << 30;
  public static final int DEFAULT_RECALL = 256;

  /** Where rows are. */
  public enum Place {
    /** Native memory. */
    RAM,
    /** A temporary file. */
    FILE,
    /** Native memory while they are few, then a temporary file besides. */
    AUTO
  }

  public StoreOptions {
    if (bytes < 1) {
      throw new IllegalArgumentException("the store must have at least 1 byte, not " + bytes);
    }
    if (recall < 1) {
      throw new IllegalArgumentException(
          "the rows that are read of the store must be at least 1, not " + recall);
    }
  }

  /**
   * A store beside a cache of these formats: keys of 5 bits and values of 4, or the cache's own
   * where they are less.
   */
  public static StoreOptions beside(KvTypes cache, Place place, long bytes, int recall) {
    KvTypes types =
        new KvTypes(fewer(cache.keys(), KvType.Q5_0), fewer(cache.values(), KvType.Q4_0));
    return new StoreOptions(place, bytes, recall, types);
  }

  /**
   * In RAM, and beyond 256 MiB in a temporary file, of the default size and read: where nothing
   * else is said.
   */
  public static StoreOptions usual(KvTypes cache) {
    return beside(cache, Place.AUTO, DEFAULT_BYTES, DEFAULT_RECALL);
  }

  /** In RAM, of the default size. */
  public static StoreOptions inRam(KvTypes cache, int recall) {
    return beside(cache, Place.RAM, DEFAULT_BYTES, recall);
  }

  private static KvType fewer(KvType a, KvType b) {
    return a.bits() < b.bits() ? a : b;
  }
}
