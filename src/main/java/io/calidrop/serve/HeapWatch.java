package io.calidrop.serve;

/**
 * Collects garbage when the heap is mostly that. The serial collector lets the old generation grow
 * to the heap's bound before it looks at it, and the caches of ended answers lie there: within
 * minutes a server would take a quarter of the machine, however little its conversations need.
 */
final class HeapWatch implements AutoCloseable {
  private static final long MILLIS = 1000;

  /** Garbage for which a pause never pays. */
  static final long LEAST = 128 << 20;

  private final Thread thread =
      Thread.ofPlatform().daemon().name("calidrop-heap").start(this::watch);

  /** Whether there is more garbage than there was left after the last collection. */
  static boolean due(long used, long live) {
    return used - live > Math.max(LEAST, live);
  }

  private void watch() {
    long live = 0;
    try {
      while (true) {
        Thread.sleep(MILLIS);
        live = Math.min(live, used());
        if (due(used(), live)) {
          System.gc();
          live = used();
        }
      }
    } catch (InterruptedException e) {
      // closed
    }
  }

  private static long used() {
    Runtime runtime = Runtime.getRuntime();
    return runtime.totalMemory() - runtime.freeMemory();
  }

  /** Ends the thread, and waits for it: nothing of a closed server is left. */
  @Override
  public void close() {
    thread.interrupt();
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
