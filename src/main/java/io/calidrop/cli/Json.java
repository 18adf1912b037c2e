package io.calidrop.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calidrop.text.Utf8;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;

/** Reads and prints JSON. */
final class Json {
  private Json() {}

  static void print(PrintStream out, Object value) throws JsonProcessingException {
    out.println(new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(value));
  }

  static JsonNode read(Path file) throws IOException {
    try {
      return new ObjectMapper().readTree(Utf8.read(file));
    } catch (JsonProcessingException e) {
      throw new IOException(file + " is not JSON: " + e.getOriginalMessage(), e);
    }
  }
}
