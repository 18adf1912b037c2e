package io.calidrop.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Native memory for weights, and the one segment through which kernels read it. */
final class OffHeap {
  /** A cache line, and the largest vector: no tile row straddles two lines. */
  static final long ALIGNMENT = 64;

  /**
   * All of memory. Kernels address it by absolute address: a constant segment costs no bounds or
   * liveness check in the loop (10 % of a matrix-vector product). Every matrix therefore checks the
   * extent of its tiles once, when it is made, and stays reachable while a kernel reads it.
   */
  @SuppressWarnings("restricted")
  static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  /**
   * What an address is and-ed with: it changes none, but tells C2 that each is within {@link
   * #MEMORY}. Otherwise it checks every access, and splits loops to check less often: more
   * instructions than the kernels have of their own.
   */
  static final long ADDRESS = Long.MAX_VALUE >> 1;

  static {
    // The JVM compiles for the kinds of segments that it has met. The first one on the heap, made
    // only when caches are, would throw away what is compiled by then.
    MemorySegment.ofArray(new byte[0]);
  }

  private OffHeap() {}

  /**
   * Reads a number from each cache line of what is wanted soon, from four quarters in turn, see
   * {@link TiledMatrix#STREAMS}. Nothing but loads in a loop keeps dozens of them on their way at
   * once; between other work a few are, and each is waited for.
   *
   * @return a sum, to be kept somewhere lest the loads be left out
   */
  static int touch(long address, long bytes) {
    long quarter = bytes / (4 * ALIGNMENT) * ALIGNMENT;
    int sum = 0;
    for (long a = address; a < address + quarter; a += ALIGNMENT) {
      sum += MEMORY.get(ValueLayout.JAVA_INT, a);
      sum += MEMORY.get(ValueLayout.JAVA_INT, a + quarter);
      sum += MEMORY.get(ValueLayout.JAVA_INT, a + 2 * quarter);
      sum += MEMORY.get(ValueLayout.JAVA_INT, a + 3 * quarter);
    }
    for (long a = address + 4 * quarter; a < address + bytes; a += ALIGNMENT) {
      sum += MEMORY.get(ValueLayout.JAVA_INT, a);
    }
    return sum;
  }

  static MemorySegment allocate(Arena arena, long bytes) {
    return arena.allocate(bytes, ALIGNMENT);
  }
}
