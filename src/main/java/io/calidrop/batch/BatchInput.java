package io.calidrop.batch;

import io.calidrop.text.Utf8Lines;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The requests of a text, one by one: it is read once. Blank lines are none. For one thread at a
 * time.
 */
public final class BatchInput implements Closeable {
  private final Utf8Lines lines;
  private final BatchParser parser;
  private LineKind kind; // null until the first line tells
  private long line;
  private long index = -1; // of the last request in the file

  /**
   * @param lines which are closed with this
   * @param kind of the lines; empty where the first one tells: {@code &#123;} begins JSON
   */
  public BatchInput(Utf8Lines lines, Optional<LineKind> kind, BatchParser parser) {
    this.lines = lines;
    this.kind = kind.orElse(null);
    this.parser = parser;
  }

  /**
   * Requests of a file.
   *
   * @throws IOException if it cannot be read, or is no UTF-8 text
   */
  public static long count(Path file) throws IOException {
    long count = 0;
    try (Utf8Lines lines = new Utf8Lines(file)) {
      for (String line = lines.next(); line != null; line = lines.next()) {
        count += line.isBlank() ? 0 : 1;
      }
    }
    return count;
  }

  /** The next request of a shard, or null at the end. */
  public BatchRequest next(Shard shard) throws IOException {
    for (String text = lines.next(); text != null; text = lines.next()) {
      line++;
      if (!text.isBlank()) {
        index++;
        if (kind == null) {
          kind = LineKind.like(text);
        }
        if (shard.holds(index)) {
          return kind == LineKind.JSON ? parser.json(text, line) : parser.text(text, line);
        }
      }
    }
    return null;
  }

  @Override
  public void close() throws IOException {
    lines.close();
  }
}
