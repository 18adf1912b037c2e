package io.calidrop.attention;

import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * Bytes in pieces that are written again and again, so that a snapshot a turn makes no garbage. One
 * thread at a time.
 */
public final class StateBuffer {
  private static final int PIECE = 1 << 20;

  private final List<byte[]> pieces = new ArrayList<>();
  private long size;

  /** An empty one. */
  public StateBuffer() {}

  /** A stream that replaces the contents. */
  public OutputStream write() {
    size = 0;
    return new OutputStream() {
      @Override
      public void write(int b) {
        write(new byte[] {(byte) b}, 0, 1);
      }

      @Override
      public void write(byte[] bytes, int offset, int length) {
        int done = 0;
        while (done < length) {
          int piece = (int) (size / PIECE);
          if (piece == pieces.size()) {
            pieces.add(new byte[PIECE]);
          }
          int at = (int) (size % PIECE);
          int n = Math.min(length - done, PIECE - at);
          System.arraycopy(bytes, offset + done, pieces.get(piece), at, n);
          done += n;
          size += n;
        }
      }
    };
  }

  /** A stream of the contents. */
  public InputStream read() {
    return new InputStream() {
      private long position;

      @Override
      public int read() {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
      }

      @Override
      public int read(byte[] bytes, int offset, int length) {
        Objects.checkFromIndexSize(offset, length, bytes.length);
        if (position == size && length > 0) {
          return -1;
        }
        int at = (int) (position % PIECE);
        int n = (int) Math.min(Math.min(length, PIECE - at), size - position);
        if (n > 0) {
          System.arraycopy(pieces.get((int) (position / PIECE)), at, bytes, offset, n);
        }
        position += n;
        return n;
      }
    };
  }
}
