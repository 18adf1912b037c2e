package io.calidrop.tensor;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;

/**
 * Threads that share the parts of one task at a time. The caller works along, so a pool of one
 * thread has no worker and runs everything in place.
 *
 * <p>A dispatch costs well under a microsecond because workers spin for {@value #SPIN_NANOS} ns
 * after their last part before they park: throughout a token they never sleep, between requests
 * they cost nothing. Parts are claimed one by one, and the caller waits for claimed parts only, so
 * a worker that the operating system holds back (fewer cores than threads, a CPU quota) delays
 * nobody.
 *
 * <p>One caller at a time: {@link #run} is not reentrant.
 */
public final class WorkerPool implements AutoCloseable {

  /**
   * Work in independent parts. Implementations are made once and reused: a dispatch is free of
   * garbage.
   */
  @FunctionalInterface
  public interface Task {
    /**
     * Does one part.
     *
     * @param worker index of the executing thread, below {@link WorkerPool#threads()}, to find
     *     per-thread scratch memory by
     */
    void run(int part, int worker);
  }

  private static final long SPIN_NANOS = 2_000_000;
  private static final int SPINS_BEFORE_YIELD = 2_000;
  private static final VarHandle WORDS = MethodHandles.arrayElementVarHandle(long[].class);

  /* Shared words lie 128 bytes apart: a neighbour's write must not evict the line that spinners read
   * (adjacent lines are fetched in pairs). */
  private static final int CLAIM = 16; // epoch << 32 | parts that nobody has claimed
  private static final int DONE = 32; // finished parts of this epoch
  private static final int SLEEPERS = 48; // parked workers
  private final long[] words = new long[64];

  private final Thread[] workers;
  private Task task;
  private int parts;
  private volatile Throwable failure;
  private volatile boolean closed;

  /**
   * @param threads number of threads that work on a task, the caller included
   */
  public WorkerPool(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1, not " + threads);
    }
    workers = new Thread[threads - 1];
    for (int i = 0; i < workers.length; i++) {
      int worker = i + 1;
      workers[i] =
          Thread.ofPlatform().daemon().name("calidrop-worker-" + worker).start(() -> serve(worker));
    }
  }

  public int threads() {
    return workers.length + 1;
  }

  /**
   * Runs parts {@code 0 .. parts - 1} of a task on all threads and returns when all are done.
   *
   * @throws RuntimeException or {@link Error} whatever a part threw first
   */
  public void run(Task task, int parts) {
    if (workers.length == 0 || parts <= 1) {
      for (int part = 0; part < parts; part++) {
        task.run(part, 0);
      }
      return;
    }
    this.task = task;
    this.parts = parts;
    WORDS.setOpaque(words, DONE, 0L);
    long epoch = ((long) WORDS.getOpaque(words, CLAIM) >>> 32) + 1 & 0xffff_ffffL;
    WORDS.setVolatile(words, CLAIM, epoch << 32 | parts);
    if ((long) WORDS.getVolatile(words, SLEEPERS) > 0) {
      wake();
    }
    work(epoch, 0);
    int spins = 0;
    while ((long) WORDS.getAcquire(words, DONE) < parts) {
      spins = spin(spins);
    }
    this.task = null;
    if (failure != null) {
      rethrow();
    }
  }

  private void rethrow() {
    Throwable thrown = failure;
    failure = null;
    switch (thrown) {
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> throw new IllegalStateException(thrown);
    }
  }

  /** Claims and runs parts of an epoch until none is left. */
  private void work(long epoch, int worker) {
    while (true) {
      long claim = (long) WORDS.getVolatile(words, CLAIM);
      int left = (int) claim;
      if (claim >>> 32 != epoch || left == 0) {
        return;
      }
      // Both are this epoch's if the compare-and-set succeeds: the caller replaces them only when
      // no
      // part is left.
      Task current = task;
      int part = parts - left;
      if (WORDS.compareAndSet(words, CLAIM, claim, claim - 1)) {
        try {
          current.run(part, worker);
        } catch (Throwable thrown) {
          failure = thrown;
        }
        WORDS.getAndAdd(words, DONE, 1L);
      }
    }
  }

  private void serve(int worker) {
    long seen = 0;
    long idleSince = System.nanoTime();
    int spins = 0;
    while (!closed) {
      long epoch = (long) WORDS.getVolatile(words, CLAIM) >>> 32;
      if (epoch != seen) {
        seen = epoch;
        work(epoch, worker);
        idleSince = System.nanoTime();
        spins = 0;
      } else if (System.nanoTime() - idleSince > SPIN_NANOS) {
        park(seen);
        idleSince = System.nanoTime();
        spins = 0;
      } else {
        spins = spin(spins);
      }
    }
  }

  private static int spin(int spins) {
    if (spins < SPINS_BEFORE_YIELD) {
      Thread.onSpinWait();
      return spins + 1;
    }
    Thread.yield(); // more threads than cores: let the one that has the work run
    return 0;
  }

  private void park(long seen) {
    WORDS.getAndAdd(words, SLEEPERS, 1L);
    while ((long) WORDS.getVolatile(words, CLAIM) >>> 32 == seen && !closed) {
      LockSupport.park(this);
    }
    WORDS.getAndAdd(words, SLEEPERS, -1L);
  }

  private void wake() {
    for (Thread worker : workers) {
      LockSupport.unpark(worker);
    }
  }

  @Override
  public void close() {
    closed = true;
    wake();
  }
}
