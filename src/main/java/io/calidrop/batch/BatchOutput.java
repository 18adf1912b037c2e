package io.calidrop.batch;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.calidrop.text.Utf8Lines;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Map;

/**
 * Results, a line of JSON each. A line is in the file when {@link #add} returns; whatever kills the
 * process can tear the last line only, and that one is dropped when the file is opened again. For
 * one thread at a time.
 */
public final class BatchOutput implements Closeable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final byte[] BEGINNING = "{\"id\":".getBytes(StandardCharsets.US_ASCII);

  private final Path file;
  private final FileChannel channel;
  private final FileLock lock;
  private final IdSet resumed = new IdSet(); // ids that had a result when the file was opened
  private long count;
  private long failed;

  /** What to do with a file that is there. */
  public enum Existing {
    /** Leave it alone: an error. */
    REFUSE,
    /** Begin anew. */
    REPLACE,
    /** Go on after its last whole line. */
    RESUME,
    /** Go on without the results that are errors, so that these requests are tried again. */
    RETRY
  }

  /**
   * @throws IOException if the file is there and may not be, is used by another process, or holds
   *     something else
   */
  public BatchOutput(Path file, Existing existing) throws IOException {
    this.file = file;
    if (existing == Existing.REFUSE && Files.exists(file)) {
      throw new IOException(
          file + " is there already: --resume goes on with it, --force replaces it");
    }
    if (existing == Existing.RETRY && Files.exists(file)) {
      dropFailed(file);
    }
    channel =
        FileChannel.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    lock = lock();
    try {
      channel.truncate(existing == Existing.REPLACE ? 0 : readFinished());
      channel.position(channel.size());
    } catch (IOException | RuntimeException e) {
      close();
      throw e;
    }
  }

  private FileLock lock() throws IOException {
    try {
      FileLock got = channel.tryLock();
      if (got != null) {
        return got;
      }
    } catch (OverlappingFileLockException e) {
      // said below
    }
    channel.close();
    throw new IOException(file + " is being written by another process");
  }

  /** Reads the results that are there; returns where the last whole line ends, in bytes. */
  private long readFinished() throws IOException {
    try (Utf8Lines lines = new Utf8Lines(file)) {
      for (byte[] line = lines.nextBytes(); line != null; line = lines.nextBytes()) {
        if (lines.isTorn() && isBeginning(line)) {
          return lines.offset();
        }
        long number = count + 1;
        StoredResult result =
            StoredResult.of(lines.decode(line))
                .filter(found -> !lines.isTorn())
                .orElseThrow(() -> noResult(file, number));
        resumed.add(result.id());
        failed += result.failed() ? 1 : 0;
        count++;
      }
      return channel.size();
    }
  }

  /** Whether a line can be the beginning of a result: nothing else is cut off. */
  private static boolean isBeginning(byte[] line) {
    int length = Math.min(line.length, BEGINNING.length);
    return Arrays.equals(line, 0, length, BEGINNING, 0, length);
  }

  private static IOException noResult(Path file, long number) {
    return new IOException(
        "%s, line %d, is no result of a batch: delete it from there on".formatted(file, number));
  }

  /**
   * Takes errors out of a file, which is replaced in one step: whatever kills the process, every
   * other result is there, and a request without a result is one that --resume answers.
   */
  private static void dropFailed(Path file) throws IOException {
    try (BatchOutput results = new BatchOutput(file, Existing.RESUME)) {
      if (results.failed == 0) {
        return;
      }
      Path target = file.toRealPath();
      Path temporary = target.resolveSibling(target.getFileName() + ".retry");
      Files.copy(
          target,
          temporary,
          StandardCopyOption.COPY_ATTRIBUTES, // its permissions are the results' own
          StandardCopyOption.REPLACE_EXISTING);
      try (FileChannel channel =
          FileChannel.open(
              temporary, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
        try (Utf8Lines lines = new Utf8Lines(target)) {
          for (byte[] line = lines.nextBytes(); line != null; line = lines.nextBytes()) {
            if (!StoredResult.of(lines.decode(line)).orElseThrow().failed()) {
              write(channel, line, file);
            }
          }
        }
        channel.force(true);
      }
      Files.move(
          temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  private static void write(FileChannel channel, byte[] line, Path file) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(line.length + 1).put(line).put((byte) '\n').flip();
    try {
      while (buffer.hasRemaining()) {
        channel.write(buffer);
      }
    } catch (IOException e) {
      throw notWritten(file, e);
    }
  }

  private static IOException notWritten(Path file, IOException cause) {
    return new IOException(
        "%s cannot be written: %s; --resume goes on when that is mended"
            .formatted(file, cause.getMessage()),
        cause);
  }

  /** Whether there was a result of this id when the file was opened. */
  public boolean had(BatchId id) {
    return resumed.contains(id);
  }

  /** Results so far. */
  public long count() {
    return count;
  }

  /** Those of them that are errors. */
  public long failed() {
    return failed;
  }

  /** Adds a result; it is in the file when this returns. */
  public void add(Map<String, Object> result) throws IOException {
    // An error may show half a character of its line: as a question mark, where Jackson's own bytes
    // would be refused.
    write(channel, JSON.writeValueAsString(result).getBytes(StandardCharsets.UTF_8), file);
    try {
      channel.force(false);
    } catch (IOException e) {
      throw notWritten(file, e);
    }
    count++;
    failed += result.get("error") != null ? 1 : 0;
  }

  @Override
  public void close() throws IOException {
    lock.release();
    channel.close();
  }
}
