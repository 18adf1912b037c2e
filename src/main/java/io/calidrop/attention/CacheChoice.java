package io.calidrop.attention;

/** How a cache is kept, once it is known what it is for. Threads may share it. */
@FunctionalInterface
public interface CacheChoice {
  /**
   * The choice for a model.
   *
   * @param context positions of a session
   * @throws IllegalArgumentException if nothing fits
   */
  CacheOptions of(CacheShape shape, int context);
}
