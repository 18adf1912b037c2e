package io.calidrop.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Damaged inputs: whatever is done with one, it ends as documented, soon, and takes no more memory
 * than it is large. Their number is a hundred, or what {@code -Dcalidrop.fuzz} says; each is made
 * with its number as the seed.
 */
public final class Fuzz {
  private static final int COUNT = Integer.getInteger("calidrop.fuzz", 100);
  private static final long MOST_NANOS = 3_000_000_000L;
  private static final long MOST_BYTES = 64L << 20; // besides some of what the input is large
  private static final int BYTES_A_BYTE = 64;

  private static final long[] LENGTHS = {
    0,
    1,
    2,
    127,
    128,
    255,
    256,
    65_535,
    1 << 24,
    Integer.MAX_VALUE,
    1L << 31,
    1L << 32,
    1L << 62,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    -1,
    -2
  };

  private Fuzz() {}

  /** What is done with an input. */
  @FunctionalInterface
  public interface Use {
    void of(byte[] input) throws Exception;
  }

  /** Seeds of the inputs of this run. */
  public static IntStream seeds() {
    return IntStream.range(0, COUNT);
  }

  /**
   * Does something with damaged forms of an input.
   *
   * @param documented what it may throw
   */
  public static void check(byte[] whole, Set<Class<? extends Exception>> documented, Use use) {
    seeds().forEach(seed -> check(seed, mutated(whole, new Random(seed)), documented, use));
  }

  /** Does something with one input; {@code seed} is for the message. */
  public static void check(
      int seed, byte[] input, Set<Class<? extends Exception>> documented, Use use) {
    ThreadMXBean thread = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long bytes = thread.getCurrentThreadAllocatedBytes();
    long nanos = thread.getCurrentThreadCpuTime();
    try {
      use.of(input);
    } catch (Exception | AssertionError | StackOverflowError | OutOfMemoryError e) {
      if (documented.stream().noneMatch(type -> type.isInstance(e))) {
        throw new AssertionError("seed " + seed + ": " + e, e);
      }
      assertThat(e.getMessage()).as("seed %d: what is wrong", seed).isNotBlank();
    }
    assertThat(thread.getCurrentThreadCpuTime() - nanos)
        .as("seed %d: nanoseconds", seed)
        .isLessThan(MOST_NANOS);
    assertThat(thread.getCurrentThreadAllocatedBytes() - bytes)
        .as("seed %d: bytes for an input of %d", seed, input.length)
        .isLessThan(MOST_BYTES + (long) BYTES_A_BYTE * input.length);
  }

  /** An input with one to four damages, more of them near its beginning. */
  public static byte[] mutated(byte[] whole, Random random) {
    byte[] input = whole.clone();
    for (int n = 1 + random.nextInt(4); n > 0 && input.length > 0; n--) {
      input = damaged(input, random);
    }
    return input;
  }

  private static byte[] damaged(byte[] input, Random random) {
    int at = place(input.length, random);
    switch (random.nextInt(6)) {
      case 0 -> input[at] ^= (byte) (1 << random.nextInt(8));
      case 1 -> input[at] = (byte) random.nextInt(256);
      case 2 -> number(input, at, random, Integer.BYTES);
      case 3 -> number(input, at, random, Long.BYTES);
      case 4 -> {
        return Arrays.copyOf(input, at);
      }
      default -> {
        return splice(input, at, random);
      }
    }
    return input;
  }

  private static int place(int length, Random random) {
    int bits = random.nextInt(Integer.SIZE - Integer.numberOfLeadingZeros(length)) + 1;
    return random.nextInt(Math.min(length, 1 << Math.min(bits, 30)));
  }

  /** A length or a count that is none. */
  private static void number(byte[] input, int at, Random random, int width) {
    if (at + width <= input.length) {
      ByteBuffer buffer = ByteBuffer.wrap(input).order(ByteOrder.LITTLE_ENDIAN);
      long value = LENGTHS[random.nextInt(LENGTHS.length)];
      if (width == Long.BYTES) {
        buffer.putLong(at, value);
      } else {
        buffer.putInt(at, (int) value);
      }
    }
  }

  /** A piece of it once more, or taken out. */
  private static byte[] splice(byte[] input, int at, Random random) {
    int end = Math.min(input.length, at + 1 + random.nextInt(64));
    int from = random.nextBoolean() ? end : place(input.length, random);
    byte[] spliced = new byte[at + input.length - from];
    System.arraycopy(input, 0, spliced, 0, at);
    System.arraycopy(input, from, spliced, at, input.length - from);
    return spliced;
  }
}
