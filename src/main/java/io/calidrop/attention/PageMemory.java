package io.calidrop.attention;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Memory for evicted rows, which only ever grows: native, or mapped from a temporary file. The file
 * is deleted when it is opened where the system allows it, at the latest when the process ends in
 * whatever way.
 */
final class PageMemory implements AutoCloseable {
  private static final long CHUNK = 16 << 20;
  private static final long ALIGNMENT = 64;

  private final Arena arena = Arena.ofShared();
  private final FileChannel file; // null: native memory
  private MemorySegment chunk = MemorySegment.NULL;
  private long used;
  private long reserved;

  private PageMemory(FileChannel file) {
    this.file = file;
  }

  static PageMemory of(StoreOptions.Place place) {
    return switch (place) {
      case RAM -> inRam();
      case FILE -> inFile(Path.of(System.getProperty("java.io.tmpdir")));
    };
  }

  static PageMemory inRam() {
    return new PageMemory(null);
  }

  /**
   * @throws UncheckedIOException if no file can be made there
   */
  static PageMemory inFile(Path directory) {
    try {
      Path path = Files.createTempFile(directory, "calidrop-", ".evicted");
      return new PageMemory(
          FileChannel.open(
              path,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              StandardOpenOption.DELETE_ON_CLOSE));
    } catch (IOException e) {
      throw new UncheckedIOException(
          "no file for evicted tokens can be made in %s (%s): use --store ram"
              .formatted(directory, e.getMessage()),
          e);
    }
  }

  synchronized MemorySegment allocate(long bytes) {
    if (chunk.byteSize() - used < bytes) {
      chunk = newChunk(Math.max(CHUNK, bytes));
      used = 0;
    }
    MemorySegment page = chunk.asSlice(used, bytes);
    used = Math.ceilDiv(used + bytes, ALIGNMENT) * ALIGNMENT;
    return page;
  }

  private MemorySegment newChunk(long bytes) {
    long start = reserved;
    reserved += bytes;
    if (file == null) {
      return arena.allocate(bytes, ALIGNMENT);
    }
    try {
      return file.map(FileChannel.MapMode.READ_WRITE, start, bytes, arena);
    } catch (IOException e) {
      throw new UncheckedIOException(
          "the file for evicted tokens cannot grow to %d bytes: %s"
              .formatted(reserved, e.getMessage()),
          e);
    }
  }

  /** Frees the memory and deletes the file. */
  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
    if (file != null) {
      try {
        file.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
