package io.calidrop.attention;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Memory for evicted rows, which only ever grows: native, mapped from a temporary file until the
 * disk is full, or native at first and then from a file. The file is deleted when it is opened
 * where the system allows it, at the latest when the process ends in whatever way. Threads may
 * allocate side by side.
 */
final class PageMemory implements AutoCloseable {
  private static final long LEAST_CHUNK = 1 << 18;
  private static final long MOST_CHUNK = 16 << 20;
  private static final long ALIGNMENT = 64;
  private static final int ZEROS = 1 << 16;

  /** Of a store that begins in RAM. */
  private static final long MOST_IN_RAM = 256 << 20;

  private final Arena arena = Arena.ofShared();
  private final long mostInRam;
  private final Path directory; // of the file
  private FileChannel file; // null: none yet
  private long mapped; // bytes of the file
  private MemorySegment chunk = MemorySegment.NULL;
  private String trouble = "";
  private long used;
  private long reserved;

  private PageMemory(long mostInRam, Path directory) {
    this.mostInRam = mostInRam;
    this.directory = directory;
  }

  static PageMemory of(StoreOptions.Place place) {
    return switch (place) {
      case RAM -> inRam();
      case FILE -> inFile(temporary());
      case AUTO -> inRamThenFile(MOST_IN_RAM, temporary());
    };
  }

  private static Path temporary() {
    return Path.of(System.getProperty("java.io.tmpdir"));
  }

  static PageMemory inRam() {
    return new PageMemory(Long.MAX_VALUE, null);
  }

  /** Native memory of about {@code bytes}; what exceeds it is in a file. */
  static PageMemory inRamThenFile(long bytes, Path directory) {
    return new PageMemory(bytes, directory);
  }

  /**
   * @throws UncheckedIOException if no file can be made there
   */
  static PageMemory inFile(Path directory) {
    PageMemory memory = new PageMemory(0, directory);
    try {
      memory.open();
    } catch (IOException e) {
      throw new UncheckedIOException(
          "no file for evicted tokens can be made in %s (%s): use --store ram"
              .formatted(directory, e.getMessage()),
          e);
    }
    return memory;
  }

  private void open() throws IOException {
    Path path = Files.createTempFile(directory, "calidrop-", ".evicted");
    file =
        FileChannel.open(
            path,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            StandardOpenOption.DELETE_ON_CLOSE);
  }

  /** Room for a page, or null where there is none left: see {@link #trouble}. */
  synchronized MemorySegment allocate(long bytes) {
    if (chunk.byteSize() - used < bytes) {
      MemorySegment next =
          trouble.isEmpty()
              ? newChunk(Math.max(Math.clamp(reserved, LEAST_CHUNK, MOST_CHUNK), bytes))
              : null;
      if (next == null) {
        return null;
      }
      chunk = next;
      used = 0;
    }
    MemorySegment page = chunk.asSlice(used, bytes);
    used = Math.ceilDiv(used + bytes, ALIGNMENT) * ALIGNMENT;
    return page;
  }

  private MemorySegment newChunk(long bytes) {
    if (reserved + bytes <= mostInRam) {
      reserved += bytes;
      return arena.allocate(bytes, ALIGNMENT);
    }
    try {
      if (file == null) {
        open();
      }
      // A hole in the file would be found to have no room on the disk only when it is written to,
      // by a signal.
      ByteBuffer zeros = ByteBuffer.allocate(ZEROS);
      for (long at = mapped; at < mapped + bytes; ) {
        zeros.clear().limit((int) Math.min(ZEROS, mapped + bytes - at));
        at += file.write(zeros, at);
      }
      MemorySegment segment = file.map(FileChannel.MapMode.READ_WRITE, mapped, bytes, arena);
      mapped += bytes;
      reserved += bytes;
      return segment;
    } catch (IOException e) {
      trouble = e.getMessage();
      return null;
    }
  }

  /** Why the memory cannot grow, or nothing. */
  synchronized String trouble() {
    return trouble;
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
