package io.calidrop.bench;

import static io.calidrop.tensor.VectorShape.F;
import static io.calidrop.tensor.VectorShape.LANES;

import io.calidrop.tensor.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;

/**
 * The two limits of this machine that every kernel is held against (Williams et al., Roofline,
 * 2009): how fast threads read memory, and how fast they multiply and add float32 numbers in
 * registers.
 *
 * <p>The probes are plain loops that no work on the kernels touches, so that ratios to them compare
 * across versions where times do not. For one thread at a time.
 */
public final class Roofline {

  /**
   * Limits at a number of threads.
   *
   * @param readGigabytes GB/s (10^9 bytes) read from memory
   * @param fmaGigaflops GFLOP/s of float32 fused multiply-adds, two operations each
   */
  public record Limits(int threads, double readGigabytes, double fmaGigaflops) {

    /**
     * Seconds that work takes at least.
     *
     * @param bytes read from memory
     * @param operations float32 operations, or as many of integers
     */
    public double seconds(double bytes, double operations) {
      return Math.max(bytes / (readGigabytes * 1e9), operations / (fmaGigaflops * 1e9));
    }
  }

  /** Beyond the last level caches of the machines we know. */
  private static final long BYTES = 512L << 20;

  private static final int PART_BYTES = 1 << 20;
  private static final int PASSES = 7;
  private static final int WARM_UP_PASSES = 3;

  private static final int ACCUMULATORS = 8;
  private static final int FMA_ROUNDS = 2_000_000;

  private final int threads;
  private final float[] sink;

  private Roofline(int threads) {
    this.threads = threads;
    sink = new float[threads * LANES];
  }

  /** Measures: the best of several passes, about a second. */
  public static Limits measure(int threads) {
    Roofline roofline = new Roofline(threads);
    try (WorkerPool pool = new WorkerPool(threads)) {
      return new Limits(threads, roofline.read(pool), roofline.multiplyAdd(pool));
    }
  }

  /** GB/s (10^9 bytes) read from memory, half a second. */
  public static double readGigabytes(int threads) {
    try (WorkerPool pool = new WorkerPool(threads)) {
      return new Roofline(threads).read(pool);
    }
  }

  private double read(WorkerPool pool) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(BYTES, 64);
      memory.fill((byte) 1);
      int parts = (int) (BYTES / PART_BYTES);
      WorkerPool.Task task = (part, worker) -> sum(memory, (long) part * PART_BYTES, worker);
      return BYTES / best(pool, task, parts) / 1e9;
    }
  }

  private void sum(MemorySegment memory, long from, int worker) {
    FloatVector a = FloatVector.zero(F);
    FloatVector b = a;
    FloatVector c = a;
    FloatVector d = a;
    int step = LANES * Float.BYTES;
    for (long p = from; p < from + PART_BYTES; p += 4L * step) {
      a = a.add(FloatVector.fromMemorySegment(F, memory, p, ByteOrder.LITTLE_ENDIAN));
      b = b.add(FloatVector.fromMemorySegment(F, memory, p + step, ByteOrder.LITTLE_ENDIAN));
      c = c.add(FloatVector.fromMemorySegment(F, memory, p + 2L * step, ByteOrder.LITTLE_ENDIAN));
      d = d.add(FloatVector.fromMemorySegment(F, memory, p + 3L * step, ByteOrder.LITTLE_ENDIAN));
    }
    a.add(b).add(c.add(d)).intoArray(sink, worker * LANES);
  }

  private double multiplyAdd(WorkerPool pool) {
    double operations = 2.0 * ACCUMULATORS * LANES * FMA_ROUNDS * threads;
    return operations / best(pool, (part, worker) -> multiplyAdd(part), threads) / 1e9;
  }

  private void multiplyAdd(int part) {
    FloatVector x = FloatVector.broadcast(F, 0.999f + part * 1e-6f);
    FloatVector y = FloatVector.broadcast(F, 1e-3f);
    FloatVector a = x;
    FloatVector b = x;
    FloatVector c = x;
    FloatVector d = x;
    FloatVector e = x;
    FloatVector f = x;
    FloatVector g = x;
    FloatVector h = x;
    for (int i = 0; i < FMA_ROUNDS; i++) {
      a = a.fma(x, y);
      b = b.fma(x, y);
      c = c.fma(x, y);
      d = d.fma(x, y);
      e = e.fma(x, y);
      f = f.fma(x, y);
      g = g.fma(x, y);
      h = h.fma(x, y);
    }
    a.add(b).add(c.add(d)).add(e.add(f).add(g.add(h))).intoArray(sink, part * LANES);
  }

  /** Seconds of the fastest pass. */
  private static double best(WorkerPool pool, WorkerPool.Task task, int parts) {
    long best = Long.MAX_VALUE;
    for (int pass = 0; pass < WARM_UP_PASSES + PASSES; pass++) {
      long start = System.nanoTime();
      pool.run(task, parts);
      if (pass >= WARM_UP_PASSES) {
        best = Math.min(best, System.nanoTime() - start);
      }
    }
    return best / 1e9;
  }
}
