package io.calidrop.download;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;

/**
 * The right to write a file, which one process has at a time: a lock on a file beside it. The
 * system takes the lock back from a process that dies; the lock's file may stay, and claims
 * nothing.
 */
final class FileClaim {
  private final Path lockFile;
  private final FileChannel channel;

  private FileClaim(Path lockFile, FileChannel channel) {
    this.lockFile = lockFile;
    this.channel = channel;
  }

  /**
   * Claims a file in a directory that exists.
   *
   * @param wait whether to wait for a process that has it
   * @throws ModelStoreException if another process has it, or another thread of this one
   */
  static FileClaim of(Path target, boolean wait) throws IOException {
    Path lockFile = target.resolveSibling(target.getFileName() + ".lock");
    while (true) {
      FileChannel channel =
          FileChannel.open(lockFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      try {
        Object opened = key(lockFile);
        if (lock(channel, wait) == null) {
          throw busy(target);
        }
        // Whoever had it before has deleted the lock's file: then this lock is one on nothing.
        if (opened != null && opened.equals(key(lockFile))) {
          return new FileClaim(lockFile, channel);
        }
      } catch (OverlappingFileLockException e) {
        channel.close();
        throw busy(target);
      } catch (IOException e) {
        channel.close();
        throw e;
      }
      channel.close();
    }
  }

  private static FileLock lock(FileChannel channel, boolean wait) throws IOException {
    return wait ? channel.lock() : channel.tryLock();
  }

  private static ModelStoreException busy(Path target) {
    return new ModelStoreException(target + " is being downloaded by another process");
  }

  /** What tells a file from another one of its name, or null if there is none. */
  private static Object key(Path file) throws IOException {
    try {
      Object key = Files.readAttributes(file, BasicFileAttributes.class).fileKey();
      return key == null ? file : key; // a system without keys deletes no file that is open
    } catch (NoSuchFileException e) {
      return null;
    }
  }

  /** Lets the next one have it. */
  void close() throws IOException {
    try (channel) {
      Files.deleteIfExists(lockFile);
    }
  }
}
