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
    String extension = name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
    return switch (extension) {
      case "jsonl", "ndjson", "json" -> Optional.of(JSON);
      default -> name.contains(".") ? Optional.of(TEXT) : Optional.empty();
    };
  }

  /** The kind that a first line tells. */
  static LineKind like(String line) {
    return line.stripLeading().startsWith("{") ? JSON : TEXT;
  }
}
