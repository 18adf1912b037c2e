package io.calidrop.batch;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** The lines of a file and where they are. */
final class LineReader implements Closeable {
  private final InputStream in;
  private long offset; // of the last line
  private long next; // of the line after it

  LineReader(Path file) throws IOException {
    in = new BufferedInputStream(Files.newInputStream(file));
  }

  /** The next line without its end, or null. */
  byte[] next() throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    offset = next;
    for (int b = in.read(); b >= 0; b = in.read()) {
      next++;
      if (b == '\n') {
        return line.toByteArray();
      }
      line.write(b);
    }
    return line.size() == 0 ? null : line.toByteArray();
  }

  /** Where the last line begins in the file, in bytes. */
  long offset() {
    return offset;
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
