package io.calidrop.cli;

import java.nio.file.Path;

/** Where what was typed is kept, as the XDG base directories say. */
final class ChatHistory {
  private ChatHistory() {}

  static Path file() {
    String state = System.getenv("XDG_STATE_HOME");
    Path directory =
        state == null || state.isBlank()
            ? Path.of(System.getProperty("user.home"), ".local", "state")
            : Path.of(state);
    return directory.resolve("calidrop").resolve("history");
  }
}
