package io.calidrop.batch;

import java.io.BufferedReader;
import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** The requests of a file, one by one. Blank lines are none. */
public final class BatchInput implements Closeable {
  private final Path file;
  private final BufferedReader lines;
  private final BatchParser parser;
  private long line;
  private long index = -1; // of the last request in the file

  public BatchInput(Path file, BatchParser parser) throws IOException {
    this.file = file;
    this.parser = parser;
    lines = Files.newBufferedReader(file, StandardCharsets.UTF_8);
  }

  /** Whether a file's lines are JSON, by its name: {@code .jsonl}, {@code .ndjson}. */
  public static boolean isJson(Path file) {
    String name = file.getFileName().toString();
    return name.endsWith(".jsonl") || name.endsWith(".ndjson") || name.endsWith(".json");
  }

  /** Requests of a file. */
  public static long count(Path file) throws IOException {
    long count = 0;
    try (BufferedReader lines = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        count += line.isBlank() ? 0 : 1;
      }
    } catch (CharacterCodingException e) {
      throw new IOException(file + " is not a text in UTF-8", e);
    }
    return count;
  }

  /** The next request of a shard, or null at the end. */
  public BatchRequest next(Shard shard) throws IOException {
    try {
      String text;
      while ((text = lines.readLine()) != null) {
        line++;
        if (!text.isBlank()) {
          index++;
          if (shard.holds(index)) {
            return parser.parse(text, line);
          }
        }
      }
      return null;
    } catch (CharacterCodingException e) {
      throw new IOException(file + " is not a text in UTF-8", e);
    }
  }

  @Override
  public void close() throws IOException {
    lines.close();
  }
}
