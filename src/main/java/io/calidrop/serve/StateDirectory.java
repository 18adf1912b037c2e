package io.calidrop.serve;

import io.calidrop.attention.CacheOptions;
import io.calidrop.download.Checksum;
import io.calidrop.generate.Engine;
import io.calidrop.generate.SessionFile;
import io.calidrop.generate.SessionFile.Held;
import io.calidrop.model.InferenceSession;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * Conversations of one model on disk, each in a file that is there whole or not at all. They are
 * written by a thread of its own, soon after their answers. The directory belongs to one server at
 * a time, however the one before ended. Threads may share it.
 */
final class StateDirectory implements AutoCloseable {
  private static final String SUFFIX = ".session";
  private static final String LOCK = ".lock";

  private final Path directory;
  private final FileChannel lock; // the system frees it when the process ends in whatever way
  private final SessionFile files;
  private final long most;
  private final Consumer<Throwable> failures;
  private final Map<Path, Held> all = new LinkedHashMap<>(); // the latest last
  private final AtomicInteger unsaved = new AtomicInteger();
  private final ExecutorService writer =
      Executors.newSingleThreadExecutor(Thread.ofPlatform().name("calidrop-disk").factory());

  /**
   * @param cache of the conversations
   * @param most bytes of files; the oldest go beyond
   * @param failures are told of files that cannot be written or read
   * @throws IOException if it cannot be made or read, or another server has it
   */
  StateDirectory(
      Path directory, Engine engine, CacheOptions cache, long most, Consumer<Throwable> failures)
      throws IOException {
    this.directory = Files.createDirectories(directory);
    files = new SessionFile(engine, cache);
    this.most = most;
    this.failures = failures;
    lock = lock(directory);
    try {
      SessionFile.deleteUnfinished(directory);
      for (Path file : inOrder()) {
        try {
          all.put(file, files.peek(file));
        } catch (IOException e) {
          Files.deleteIfExists(file); // of another cache, or damaged: nothing can go on with it
        }
      }
    } catch (IOException | RuntimeException e) {
      lock.close();
      throw e;
    }
  }

  private static FileChannel lock(Path directory) throws IOException {
    FileChannel channel =
        FileChannel.open(
            directory.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    FileLock lock;
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException e) {
      lock = null; // a server of this process has it
    } catch (IOException e) {
      channel.close();
      throw e;
    }
    if (lock == null) {
      channel.close();
      throw new IOException(
          directory
              + " is another server's: give each its own --cache-dir; this one keeps nothing");
    }
    return channel;
  }

  private List<Path> inOrder() throws IOException {
    try (Stream<Path> found = Files.list(directory)) {
      List<Path> sessions = new ArrayList<>(found.filter(StateDirectory::isSession).toList());
      sessions.sort(Comparator.comparing(file -> file.toFile().lastModified()));
      return sessions;
    }
  }

  private static boolean isSession(Path file) {
    return file.toString().endsWith(SUFFIX) && Files.isRegularFile(file);
  }

  /** Writes a conversation when its turn comes, unless it has gone on by then. */
  void save(Conversations conversations, Conversations.Kept kept) {
    unsaved.incrementAndGet();
    writer.execute(
        () -> {
          try {
            writeLent(conversations, kept);
          } finally {
            unsaved.decrementAndGet();
          }
        });
  }

  private void writeLent(Conversations conversations, Conversations.Kept kept) {
    if (conversations.lend(kept)) {
      try {
        write(kept.session(), kept.held());
      } catch (IOException | RuntimeException e) {
        failures.accept(e);
      } finally {
        conversations.giveBack(kept);
      }
    }
  }

  /** Conversations that wait to be written; what was kept before is on disk where it is 0. */
  int unsaved() {
    return unsaved.get();
  }

  private void write(InferenceSession session, Held held) throws IOException {
    Path file = directory.resolve(name(held.tokens()) + SUFFIX);
    files.save(session, held, file);
    synchronized (this) {
      for (Path old : List.copyOf(all.keySet())) {
        int[] tokens = all.get(old).tokens();
        if (!old.equals(file) && goesOn(tokens, held)) {
          drop(old);
        }
      }
      all.remove(file);
      all.put(file, held);
      long bytes = 0;
      for (Path one : all.keySet()) {
        bytes += Files.size(one);
      }
      while (bytes > most && all.size() > 1) {
        Path oldest = all.keySet().iterator().next();
        bytes -= Files.size(oldest);
        drop(oldest);
      }
    }
  }

  /** Whether a conversation is an earlier state of another. */
  private static boolean goesOn(int[] earlier, Held later) {
    return earlier.length < later.tokens().length
        && Conversations.common(earlier, later.tokens()) == earlier.length;
  }

  private void drop(Path file) throws IOException {
    all.remove(file);
    Files.deleteIfExists(file);
  }

  private static String name(int[] tokens) {
    ByteBuffer bytes = ByteBuffer.allocate(tokens.length * Integer.BYTES);
    bytes.asIntBuffer().put(tokens);
    byte[] digest = Checksum.newDigest().digest(bytes.array());
    return HexFormat.of().formatHex(Arrays.copyOf(digest, 16));
  }

  /**
   * The file that has most in common with a prompt.
   *
   * @param part whether a session can go back to any of its tokens
   * @param least tokens that it must have in common
   */
  synchronized Optional<Path> find(int[] prompt, boolean part, int least) {
    Path best = null;
    int longest = least - 1;
    for (Map.Entry<Path, Held> one : all.entrySet()) {
      int[] tokens = one.getValue().tokens();
      int common = Conversations.common(tokens, prompt);
      if (common > longest && (part || common == tokens.length && common < prompt.length)) {
        best = one.getKey();
        longest = common;
      }
    }
    return Optional.ofNullable(best);
  }

  /** Reads a conversation; empty, and gone, if it cannot be. */
  Optional<InferenceSession> load(Path file) {
    try {
      return Optional.of(files.load(file));
    } catch (IOException e) {
      failures.accept(e);
      forget(file, e);
      return Optional.empty();
    }
  }

  /** A damaged file goes; one that only could not be read may be read by another server. */
  private synchronized void forget(Path file, IOException why) {
    all.remove(file);
    if (!(why instanceof FileSystemException)) {
      try {
        Files.deleteIfExists(file);
      } catch (IOException e) {
        failures.accept(e);
      }
    }
  }

  /** What a file holds; empty if it has gone. */
  synchronized Optional<Held> held(Path file) {
    return Optional.ofNullable(all.get(file));
  }

  /** Returns when all is written that was to be. */
  @Override
  public void close() {
    writer.close();
    try {
      lock.close();
    } catch (IOException e) {
      failures.accept(e);
    }
  }
}
