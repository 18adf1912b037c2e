package io.calidrop.download;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** SHA-256. */
public final class Checksum {
  private Checksum() {}

  /** The digest in lower-case hexadecimal. */
  public static String sha256(Path file) throws IOException {
    MessageDigest digest = newDigest();
    byte[] buffer = new byte[1 << 16];
    try (InputStream in = Files.newInputStream(file)) {
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        digest.update(buffer, 0, n);
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /** Refuses a file whose contents are not what was announced, and deletes it. */
  static void require(Path file, String expected) throws IOException {
    String actual = sha256(file);
    if (!actual.equalsIgnoreCase(expected)) {
      Files.delete(file);
      throw new ModelStoreException(
          "the download is corrupt: its sha256 is %s, not %s; it was deleted, try again"
              .formatted(actual, expected));
    }
  }

  /** A digest of nothing yet. */
  public static MessageDigest newDigest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }
}
