package io.calidrop.attention;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * The blocks of a KV head's rows that were last read of a file, in memory: of those that can lie in
 * the same {@value #WAYS} places the one that nobody asked for the longest goes. For one thread at
 * a time.
 */
final class HotBlocks {
  /** Rows of a block. */
  static final int ROWS = 16;

  private static final int WAYS = 8;
  private static final int NONE = -1;

  private final PageMemory memory;
  private final ByteBuffer incoming;
  private final byte[][] blocks; // [sets][WAYS]
  private final int[] numbers; // [sets][WAYS] which they are
  private final int[] asked; // [sets][WAYS] when they were last asked for
  private int now;
  private int held; // blocks that there is memory for
  private long hits;
  private long misses;

  /**
   * @param bytes most that it takes
   */
  HotBlocks(PageMemory memory, int blockBytes, long bytes) {
    this.memory = memory;
    incoming = ByteBuffer.allocateDirect(blockBytes);
    int sets = (int) Math.max(1, bytes / blockBytes / WAYS);
    blocks = new byte[sets * WAYS][];
    numbers = new int[sets * WAYS];
    asked = new int[sets * WAYS];
    Arrays.fill(numbers, NONE);
  }

  private int set(int number) {
    return number % (numbers.length / WAYS) * WAYS;
  }

  /**
   * A block.
   *
   * @param at where it begins in the file
   * @return null where it cannot be read
   */
  byte[] get(int number, long at) {
    int set = set(number);
    int place = set;
    for (int i = set; i < set + WAYS; i++) {
      if (numbers[i] == number) {
        hits++;
        asked[i] = ++now;
        return blocks[i];
      }
      if (numbers[place] != NONE && (numbers[i] == NONE || asked[i] - asked[place] < 0)) {
        place = i;
      }
    }
    misses++;
    numbers[place] = NONE;
    if (!memory.read(at, incoming.clear())) {
      return null;
    }
    if (blocks[place] == null) {
      blocks[place] = new byte[incoming.capacity()];
      held++;
    }
    incoming.get(0, blocks[place]);
    numbers[place] = number;
    asked[place] = ++now;
    return blocks[place];
  }

  /** Forgets a block, if it is there, because it changes. */
  void forget(int number) {
    int set = set(number);
    for (int i = set; i < set + WAYS; i++) {
      if (numbers[i] == number) {
        numbers[i] = NONE;
      }
    }
  }

  /** How often a block was asked for that was there. */
  long hits() {
    return hits;
  }

  /** How often one had to be read. */
  long misses() {
    return misses;
  }

  long bytes() {
    return (long) held * incoming.capacity();
  }
}
