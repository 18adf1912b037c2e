package io.calidrop.serve;

import io.calidrop.generate.GenerationOptions;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * How a {@link Server} serves.
 *
 * @param host address to listen at
 * @param port to listen at, or 0: any that is free
 * @param key what clients must show, if anything
 * @param origin of pages of other servers that may use it: one, or {@code *} for all
 * @param parallel most generations at a time
 * @param queue most generations that wait
 * @param memory bytes that models and conversations may take together
 * @param grace time that answers under way have when the server ends
 * @param cacheDirectory where conversations stay when the server ends
 * @param defaults of what a request does not say, asked for each: a seed may be another each time
 */
public record ServerOptions(
    String host,
    int port,
    Optional<String> key,
    Optional<String> origin,
    int parallel,
    int queue,
    long memory,
    Duration grace,
    Optional<Path> cacheDirectory,
    Supplier<GenerationOptions> defaults) {
  public ServerOptions {
    if (port < 0 || port > 65_535) {
      throw new IllegalArgumentException("a port is a number up to 65535, not " + port);
    }
    if (parallel < 1 || queue < 0) {
      throw new IllegalArgumentException(
          "at least 1 generation at a time and no fewer than 0 that wait, not %d and %d"
              .formatted(parallel, queue));
    }
  }
}
