package io.calidrop.batch;

import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/** What the lines of a batch file are. */
public enum LineKind {
  /** An object each. */
  JSON,
  /** A prompt each, as it stands. */
  TEXT;

  /** The kind that a file's name tells; a name without an extension tells none. */
  public static Optional<LineKind> of(Path file) {
    String name = file.getFileName() == null ? "" : file.getFileName().toString();
    int dot = name.lastIndexOf('.');
    if (dot < 0) {
      return Optional.empty();
    }
    return switch (name.substring(dot + 1).toLowerCase(Locale.ROOT)) {
      case "jsonl", "ndjson", "json" -> Optional.of(JSON);
      default -> Optional.of(TEXT);
    };
  }

  /** The kind that a first line tells. */
  static LineKind like(String line) {
    return line.stripLeading().startsWith("{") ? JSON : TEXT;
  }
}
