package io.calidrop.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/**
 * Lines as the system gives them, for a terminal that cannot be edited in: its output is elsewhere.
 */
final class PlainInput implements ChatInput {
  static final String PROMPT = "> ";
  static final String MORE = "... ";

  private final Io io;
  private final BufferedReader lines;

  PlainInput(Io io) {
    this.io = io;
    lines = new BufferedReader(new InputStreamReader(io.in(), StandardCharsets.UTF_8));
  }

  @Override
  public Entry read() throws IOException {
    String line = readLine(PROMPT);
    if (line == null || !line.strip().startsWith(QUOTES)) {
      return line == null ? null : Entry.of(line);
    }
    StringBuilder block = new StringBuilder(line);
    while (!Entry.isClosed(block)) {
      line = readLine(MORE);
      if (line == null) {
        break;
      }
      block.append('\n').append(line);
    }
    return Entry.of(block);
  }

  private String readLine(String prompt) throws IOException {
    io.err().print(prompt);
    io.err().flush();
    String line = lines.readLine();
    if (line == null) {
      io.err().println();
    }
    return line;
  }

  @Override
  public void close() {}
}
