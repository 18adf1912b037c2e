package io.calidrop.bench.kernels;

import io.calidrop.bench.Roofline;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/**
 * What a benchmark moved and computed, as secondary metrics. JMH divides each by nanoseconds, which
 * makes them GB/s, GFLOP/s and the share of the machine's limit that was reached.
 */
@State(Scope.Thread)
@AuxCounters(AuxCounters.Type.OPERATIONS)
public class Rates {
  /** Bytes read from memory. */
  public double gigabytes;

  /** Multiplications and additions. */
  public double gigaflops;

  /** Nanoseconds that the {@link Roofline} allows for both. */
  public double share;

  /** Adds a call that read {@code bytes} and did {@code operations}. */
  void add(Roofline.Limits limits, double bytes, double operations) {
    gigabytes += bytes;
    gigaflops += operations;
    share += limits.seconds(bytes, operations) * 1e9;
  }
}
