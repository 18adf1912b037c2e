package io.calidrop.attention;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** {@link StateTransfer} with streams of bytes, little endian. */
public final class StateStreams {
  /** Bytes that are converted at a time. */
  private static final int CHUNK = 1 << 16;

  private StateStreams() {}

  /** To a stream; its failures become {@link UncheckedIOException}. */
  public static StateTransfer to(OutputStream out) {
    return new Stream() {
      @Override
      public boolean reading() {
        return false;
      }

      @Override
      void chunk(int bytes) throws IOException {
        out.write(buffer.array(), 0, bytes);
      }
    };
  }

  /** From a stream; its failures, and its early end, become {@link UncheckedIOException}. */
  public static StateTransfer from(InputStream in) {
    DataInputStream data = new DataInputStream(in);
    return new Stream() {
      @Override
      public boolean reading() {
        return true;
      }

      @Override
      void chunk(int bytes) throws IOException {
        try {
          data.readFully(buffer.array(), 0, bytes);
        } catch (EOFException e) {
          throw new EOFException("the saved state ends early");
        }
      }
    };
  }

  /** Converts between numbers and a buffer of bytes, chunk by chunk. */
  private abstract static class Stream implements StateTransfer {
    final ByteBuffer buffer = ByteBuffer.allocate(CHUNK).order(ByteOrder.LITTLE_ENDIAN);

    /** Reads or writes the first {@code bytes} bytes of the buffer. */
    abstract void chunk(int bytes) throws IOException;

    /** Puts elements {@code [from, from + count)} into the buffer, or takes them from it. */
    @FunctionalInterface
    private interface Conversion {
      void run(int from, int count);
    }

    private void transfer(int count, int width, Conversion put, Conversion get) {
      try {
        int n;
        for (int from = 0; from < count; from += n) {
          n = Math.min(count - from, CHUNK / width);
          if (!reading()) {
            put.run(from, n);
          }
          chunk(n * width);
          if (reading()) {
            get.run(from, n);
          }
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public long number(long value) {
      long[] one = {value};
      longs(one, 1);
      return one[0];
    }

    @Override
    public void bytes(byte[] array, int count) {
      transfer(
          count,
          Byte.BYTES,
          (from, n) -> buffer.put(0, array, from, n),
          (from, n) -> buffer.get(0, array, from, n));
    }

    @Override
    public void shorts(short[] array, int count) {
      transfer(
          count,
          Short.BYTES,
          (from, n) -> buffer.asShortBuffer().put(array, from, n),
          (from, n) -> buffer.asShortBuffer().get(array, from, n));
    }

    @Override
    public void ints(int[] array, int count) {
      transfer(
          count,
          Integer.BYTES,
          (from, n) -> buffer.asIntBuffer().put(array, from, n),
          (from, n) -> buffer.asIntBuffer().get(array, from, n));
    }

    @Override
    public void longs(long[] array, int count) {
      transfer(
          count,
          Long.BYTES,
          (from, n) -> buffer.asLongBuffer().put(array, from, n),
          (from, n) -> buffer.asLongBuffer().get(array, from, n));
    }

    @Override
    public void floats(float[] array, int count) {
      transfer(
          count,
          Float.BYTES,
          (from, n) -> buffer.asFloatBuffer().put(array, from, n),
          (from, n) -> buffer.asFloatBuffer().get(array, from, n));
    }
  }
}
