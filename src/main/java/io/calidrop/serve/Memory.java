package io.calidrop.serve;

/**
 * Bytes that are taken, of those that there are: models lie outside of the Java heap, conversations
 * in it, which has a bound of its own. Threads may share it.
 */
final class Memory {
  private final long most;
  private final long mostHeap;
  private long taken;
  private long heap; // of those

  /**
   * @param mostHeap of those that conversations may take
   */
  Memory(long most, long mostHeap) {
    this.most = most;
    this.mostHeap = Math.min(most, mostHeap);
  }

  /** Bytes that there are. */
  long most() {
    return most;
  }

  /** Those of them that conversations may take. */
  long mostHeap() {
    return mostHeap;
  }

  synchronized long taken() {
    return taken;
  }

  /** Takes bytes for a model if they are there. */
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

  /** Whether the heap has so many bytes left for conversations. */
  synchronized boolean hasHeap(long bytes) {
    return bytes <= mostHeap - heap;
  }

  /** Takes bytes for a conversation if they are there. */
  synchronized boolean takeHeap(long bytes) {
    if (!hasHeap(bytes) || !take(bytes)) {
      return false;
    }
    heap += bytes;
    return true;
  }

  synchronized void giveHeap(long bytes) {
    heap -= bytes;
    taken -= bytes;
  }
}
