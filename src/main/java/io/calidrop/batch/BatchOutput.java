package io.calidrop.batch;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;

/**
 * Results, a line of JSON each. A line is in the file when {@link #add} returns; whatever kills the
 * process can tear the last line only, and that one is dropped when the file is opened again.
 */
public final class BatchOutput implements Closeable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int TAIL = 1 << 16;

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
    RESUME
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
    channel =
        FileChannel.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    lock = lock();
    if (existing == Existing.REPLACE) {
      channel.truncate(0);
    } else {
      channel.truncate(endOfWholeLines());
      readFinished();
    }
    channel.position(channel.size());
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

  private long endOfWholeLines() throws IOException {
    ByteBuffer tail = ByteBuffer.allocate(TAIL);
    for (long end = channel.size(); end > 0; ) {
      long from = Math.max(0, end - TAIL);
      tail.clear().limit((int) (end - from));
      while (tail.hasRemaining() && channel.read(tail, from + tail.position()) >= 0) {}
      for (int i = tail.position() - 1; i >= 0; i--) {
        if (tail.get(i) == '\n') {
          return from + i + 1;
        }
      }
      end = from;
    }
    return 0;
  }

  private void readFinished() throws IOException {
    try (BufferedReader lines = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
      long number = 0;
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        number++;
        try {
          JsonNode node = JSON.readTree(line);
          if (!node.hasNonNull("id")) {
            throw new IOException("%s, line %d, is no result of a batch".formatted(file, number));
          }
          resumed.add(node.get("id").asText());
          count++;
          failed += node.hasNonNull("error") ? 1 : 0;
        } catch (JsonProcessingException e) {
          throw new IOException(
              "%s, line %d, is no result of a batch: delete it from there on"
                  .formatted(file, number),
              e);
        }
      }
    }
  }

  /** Whether there was a result of this id when the file was opened. */
  public boolean had(String id) {
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
    byte[] line = (JSON.writeValueAsString(result) + "\n").getBytes(StandardCharsets.UTF_8);
    ByteBuffer buffer = ByteBuffer.wrap(line);
    try {
      while (buffer.hasRemaining()) {
        channel.write(buffer);
      }
      channel.force(false);
    } catch (IOException e) {
      throw new IOException(
          "%s cannot be written: %s; --resume goes on when that is mended"
              .formatted(file, e.getMessage()),
          e);
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
