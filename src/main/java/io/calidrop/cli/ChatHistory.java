package io.calidrop.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

/** Where what was typed is kept, as the XDG base directories say. */
final class ChatHistory {
  private ChatHistory() {}

  /**
   * The history's file, which is there and nobody else's: it has mode 0600 before it is written.
   *
   * @return null where it cannot be, with a warning on {@code io}
   */
  static Path open(Io io) {
    Path file = file();
    try {
      Files.createDirectories(file.getParent());
      if (!Files.exists(file)) {
        Files.createFile(file);
      }
      if (Files.getFileStore(file).supportsFileAttributeView("posix")) {
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
      }
      if (Files.isReadable(file) && Files.isWritable(file)) {
        return file;
      }
    } catch (IOException e) {
      // the warning says it
    }
    io.err().printf("warning: %s cannot be written: no history is kept%n", file);
    return null;
  }

  private static Path file() {
    String state = System.getenv("XDG_STATE_HOME");
    // A relative path is to be ignored, says the specification.
    Path directory =
        state == null || !Path.of(state).isAbsolute()
            ? Path.of(System.getProperty("user.home"), ".local", "state")
            : Path.of(state);
    return directory.resolve("calidrop").resolve("history");
  }
}
