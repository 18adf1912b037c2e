package io.calidrop.download;

import java.time.Duration;

/**
 * How files are fetched.
 *
 * @param patience how long a server may send nothing
 */
public record Network(Proxies proxies, Duration patience) {
  /** Through these proxies, with a minute of patience. */
  public Network(Proxies proxies) {
    this(proxies, Duration.ofMinutes(1));
  }
}
