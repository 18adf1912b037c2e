package io.calidrop.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calidrop.text.Utf8;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Results as they come, a line of JSON each after a first line with the settings. A run that was
 * killed goes on from it: a torn last line is dropped. For one thread at a time.
 */
public final class ResultLog {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final TypeReference<LinkedHashMap<String, Object>> OBJECT =
      new TypeReference<>() {};

  private final Path file; // or null
  private final Map<String, Map<String, Object>> results = new LinkedHashMap<>();

  private ResultLog(Path file) {
    this.file = file;
  }

  /** A log that no file keeps. */
  public static ResultLog inMemory() {
    return new ResultLog(null);
  }

  /**
   * A log in a file.
   *
   * @param settings what the results depend on; values are compared as JSON
   * @param resume whether to go on from what is there
   * @throws IllegalArgumentException if the file is there without {@code resume}, or was written
   *     with other settings
   */
  public static ResultLog open(Path file, Map<String, Object> settings, boolean resume)
      throws IOException {
    ResultLog log = new ResultLog(file);
    String header = JSON.writeValueAsString(settings);
    if (!Files.exists(file)) {
      Files.createDirectories(file.toAbsolutePath().getParent());
      Files.writeString(file, header + "\n");
      return log;
    }
    if (!resume) {
      throw new IllegalArgumentException(
          "%s holds results already: --resume goes on from them, another --out leaves them"
              .formatted(file));
    }
    log.read(header);
    return log;
  }

  /**
   * Takes what another file holds that was written with the same settings, and this one does not;
   * it is in this log's file too when this returns.
   *
   * @throws IllegalArgumentException if it was written with other settings
   */
  public void include(Path other, Map<String, Object> settings) throws IOException {
    ResultLog log = new ResultLog(other);
    log.read(JSON.writeValueAsString(settings));
    for (Map.Entry<String, Map<String, Object>> result : log.results.entrySet()) {
      if (!results.containsKey(result.getKey())) {
        add(result.getKey(), result.getValue());
      }
    }
  }

  private void read(String header) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    int end = bytes.length;
    while (end > 0 && bytes[end - 1] != '\n') {
      end--; // a torn line may end within a character
    }
    String[] lines = Utf8.decode(Arrays.copyOf(bytes, end), file.toString()).split("\r?\n");
    if (end == 0) {
      Files.writeString(file, header + "\n");
      return;
    }
    if (!lines[0].equals(header)) {
      throw new IllegalArgumentException(
          "%s was written with other settings, %s: give these again, or choose another --out"
              .formatted(file, lines[0]));
    }
    for (int i = 1; i < lines.length; i++) {
      try {
        Map<String, Object> line = JSON.readValue(lines[i], OBJECT);
        String key = String.valueOf(line.remove("key"));
        results.put(key, line);
      } catch (JsonProcessingException e) {
        throw new IOException(
            "%s, line %d, is damaged: delete it from there on".formatted(file, i + 1), e);
      }
    }
    if (end < bytes.length) {
      Files.write(file, Arrays.copyOf(bytes, end));
    }
  }

  /** The result of a key, where there is one. */
  public Optional<Map<String, Object>> get(String key) {
    return Optional.ofNullable(results.get(key));
  }

  /** Adds a result; it is in the file when this returns. */
  public void add(String key, Map<String, Object> result) throws IOException {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("key", key);
    line.putAll(result);
    String text = JSON.writeValueAsString(line);
    Map<String, Object> stored = JSON.readValue(text, OBJECT); // numbers as a resumed run has them
    stored.remove("key");
    results.put(key, stored);
    if (file != null) {
      Files.writeString(file, text + "\n", StandardOpenOption.APPEND);
    }
  }
}
