package io.calidrop.serve;

/** Bytes that are taken, of those that there are. Threads may share it. */
final class Memory {
  private final long most;
  private long taken;

  Memory(long most) {
    this.most = most;
  }

  /** Bytes that there are. */
  long most() {
    return most;
  }

  synchronized long taken() {
    return taken;
  }

  /** Takes bytes if they are there. */
  synchronized boolean take(long bytes) {
    if (bytes > most - taken) {
      return false;
    }
    taken += bytes;
    return true;
  }

  synchronized void give(long bytes) {
    taken -= bytes;
  }
}
