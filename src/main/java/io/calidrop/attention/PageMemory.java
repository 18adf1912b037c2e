package io.calidrop.attention;

import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.UUID;

/**
 * Room for pages of evicted rows, which only ever grows: native memory, a temporary file until the
 * disk is full, or one after the other. Pages lie in the order in which they were asked for, so
 * that what was evicted together is together in the file. That is deleted when it is made where the
 * system allows it, at the latest when the process ends in whatever way. Threads may use it side by
 * side.
 */
final class PageMemory implements AutoCloseable {
  private static final long LEAST_CHUNK = 1 << 18;
  private static final long MOST_CHUNK = 16 << 20;
  private static final long ALIGNMENT = 64;
  private static final int ZEROS = 1 << 16;

  /** Of a store that begins in RAM. */
  private static final long MOST_IN_RAM = 256 << 20;

  private static final Set<OpenOption> NEW_UNTIL_CLOSED =
      Set.of(
          StandardOpenOption.CREATE_NEW,
          StandardOpenOption.READ,
          StandardOpenOption.WRITE,
          StandardOpenOption.DELETE_ON_CLOSE);

  private final Arena arena = Arena.ofShared();
  private final Path directory; // of the file, or null: there is none
  private long leftInRam;
  private MemorySegment chunk = MemorySegment.NULL;
  private long used; // bytes of the chunk
  private long reserved; // bytes in RAM
  private FileChannel file; // null: none yet
  private long fileUsed;
  private long fileBytes;
  private volatile String trouble = "";
  private volatile boolean lost;

  private PageMemory(long mostInRam, Path directory) {
    leftInRam = mostInRam;
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

  /** Native memory of at most {@code bytes}; what exceeds it is in a file. */
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
              .formatted(directory, reason(e)),
          e);
    }
    return memory;
  }

  /** Its name is gone with the call that makes it. */
  private void open() throws IOException {
    boolean posix = directory.getFileSystem().supportedFileAttributeViews().contains("posix");
    FileAttribute<?>[] owners =
        posix
            ? new FileAttribute<?>[] {
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))
            }
            : new FileAttribute<?>[0];
    Path path = directory.resolve("calidrop-" + UUID.randomUUID() + ".evicted");
    file = FileChannel.open(path, NEW_UNTIL_CLOSED, owners);
  }

  private static String reason(IOException e) {
    return switch (e) {
      case NoSuchFileException none -> "there is no such directory";
      case AccessDeniedException denied -> "permission denied";
      case FileSystemException other when other.getReason() != null -> other.getReason();
      default -> e.getMessage() == null ? e.toString() : e.getMessage();
    };
  }

  /** Room for a page in RAM, or null where that is used up. */
  synchronized MemorySegment allocate(long bytes) {
    if (chunk.byteSize() - used < bytes) {
      long size = Math.max(Math.clamp(reserved, LEAST_CHUNK, MOST_CHUNK), bytes);
      if (size > leftInRam) {
        leftInRam = 0;
        return null;
      }
      chunk = arena.allocate(size, ALIGNMENT);
      leftInRam -= size;
      reserved += size;
      used = 0;
    }
    MemorySegment page = chunk.asSlice(used, bytes);
    used = Math.ceilDiv(used + bytes, ALIGNMENT) * ALIGNMENT;
    return page;
  }

  /** Where in the file there is room for a page, or -1 where there is none: {@link #trouble}. */
  synchronized long allocateInFile(long bytes) {
    if (directory == null || fileBytes - fileUsed < bytes && !extend(bytes)) {
      return -1;
    }
    long page = fileUsed;
    fileUsed += bytes;
    return page;
  }

  /** A hole in the file would be found to have no room on the disk only when it is written to. */
  private boolean extend(long bytes) {
    if (!trouble.isEmpty()) {
      return false;
    }
    long size = Math.max(Math.clamp(fileBytes, LEAST_CHUNK, MOST_CHUNK), bytes);
    try {
      if (file == null) {
        open();
      }
      ByteBuffer zeros = ByteBuffer.allocate(ZEROS);
      for (long at = fileBytes, end = at + size; at < end; ) {
        zeros.clear().limit((int) Math.min(ZEROS, end - at));
        at += file.write(zeros, at);
      }
      fileBytes += size;
      return true;
    } catch (IOException e) {
      trouble = "cannot grow (%s): its oldest rows are folded".formatted(reason(e));
      return false;
    }
  }

  /**
   * Fills a buffer from the file.
   *
   * @return false if that fails: the file is lost
   */
  boolean read(long at, ByteBuffer to) {
    try {
      while (to.hasRemaining() && !lost) {
        int count = file.read(to, at);
        if (count < 0) {
          throw new EOFException("its file ends early");
        }
        at += count;
      }
    } catch (IOException e) {
      lose("cannot be read", e);
    }
    return !lost;
  }

  /** Writes a buffer to the file, which is lost if that fails. */
  void write(long at, ByteBuffer from) {
    try {
      while (from.hasRemaining() && !lost) {
        at += file.write(from, at);
      }
    } catch (IOException e) {
      lose("cannot be written", e);
    }
  }

  private synchronized void lose(String what, IOException e) {
    if (!lost) {
      trouble = "%s (%s): what it held is forgotten".formatted(what, reason(e));
      lost = true;
    }
  }

  /** Whether nothing in the file can be relied on. */
  boolean isLost() {
    return lost;
  }

  /** What is wrong with it, as the end of a sentence, or nothing. */
  String trouble() {
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
