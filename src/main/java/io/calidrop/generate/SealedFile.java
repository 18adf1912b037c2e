package io.calidrop.generate;

import io.calidrop.attention.StateStreams;
import io.calidrop.attention.StateTransfer;
import io.calidrop.download.Checksum;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.DigestInputStream;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.function.Consumer;

/**
 * Files of a state: a magic, what they hold, and the SHA-256 of all of that. One is written beside
 * its place and moved there whole.
 */
final class SealedFile {
  private static final int DIGEST_BYTES = 32;
  private static final String UNFINISHED = ".calidrop-";
  private static final String UNFINISHED_END = ".tmp";

  private SealedFile() {}

  /** Writes a file; it is there whole or not at all. */
  static void write(Path file, byte[] magic, Consumer<StateTransfer> contents) throws IOException {
    Path target = file.toAbsolutePath();
    Path temporary = Files.createTempFile(target.getParent(), UNFINISHED, UNFINISHED_END);
    try {
      MessageDigest digest = Checksum.newDigest();
      try (OutputStream raw = new BufferedOutputStream(Files.newOutputStream(temporary));
          DigestOutputStream out = new DigestOutputStream(raw, digest)) {
        out.write(magic);
        contents.accept(StateStreams.to(out));
        out.on(false);
        out.write(digest.digest());
      }
      try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
        channel.force(true);
      }
      Files.move(
          temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (UncheckedIOException e) {
      throw e.getCause();
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  /** Deletes what writers left in a directory that were killed; nobody writes there now. */
  static void deleteUnfinished(Path directory) throws IOException {
    try (DirectoryStream<Path> left =
        Files.newDirectoryStream(directory, UNFINISHED + "*" + UNFINISHED_END)) {
      for (Path file : left) {
        Files.deleteIfExists(file);
      }
    }
  }

  /**
   * Reads all of a file once, before anything of it is believed.
   *
   * @param otherwise what is wrong with a file that does not begin with the magic
   * @throws IOException if it does not, or is damaged
   */
  static void verify(Path file, byte[] magic, String otherwise) throws IOException {
    long length = Files.size(file) - DIGEST_BYTES;
    MessageDigest digest = Checksum.newDigest();
    try (InputStream raw = new BufferedInputStream(Files.newInputStream(file));
        DigestInputStream in = new DigestInputStream(raw, digest)) {
      if (length < magic.length || !Arrays.equals(in.readNBytes(magic.length), magic)) {
        throw new IOException(file + " " + otherwise);
      }
      byte[] buffer = new byte[1 << 16];
      for (long left = length - magic.length; left > 0; ) {
        int n = in.readNBytes(buffer, 0, (int) Math.min(left, buffer.length));
        if (n == 0) {
          throw new IOException(file + " became shorter while it was read");
        }
        left -= n;
      }
      in.on(false);
      if (!Arrays.equals(digest.digest(), in.readNBytes(DIGEST_BYTES))) {
        throw new IOException(file + " is damaged: its checksum does not match");
      }
    }
  }
}
