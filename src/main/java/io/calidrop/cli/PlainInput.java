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

  /** Begins and ends an input of several lines. */
  static final String QUOTES = "\"\"\"";

  private final Io io;
  private final BufferedReader lines;

  PlainInput(Io io) {
    this.io = io;
    lines = new BufferedReader(new InputStreamReader(io.in(), StandardCharsets.UTF_8));
  }

  @Override
  public String read() throws IOException {
    String line = readLine(PROMPT);
    if (line == null || !line.strip().startsWith(QUOTES)) {
      return line;
    }
    StringBuilder block = new StringBuilder(line);
    while (!isClosed(block)) {
      line = readLine(MORE);
      if (line == null) {
        break;
      }
      block.append('\n').append(line);
    }
    return unquoted(block);
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

  /** Whether an input that begins with quotes ends with them, too. */
  static boolean isClosed(CharSequence input) {
    String text = input.toString().strip();
    return text.length() >= 2 * QUOTES.length() && text.endsWith(QUOTES);
  }

  /** What stands between the quotes. */
  static String unquoted(CharSequence input) {
    String text = input.toString().strip().substring(QUOTES.length());
    return text.endsWith(QUOTES) ? text.substring(0, text.length() - QUOTES.length()) : text;
  }

  @Override
  public void close() {}
}
