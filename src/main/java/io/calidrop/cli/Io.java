package io.calidrop.cli;

import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * The streams of a command: model text and listings go to {@code out}, everything else to {@code
 * err}.
 *
 * @param inTerminal whether {@code in} is a terminal; likewise the others
 */
record Io(
    InputStream in,
    PrintStream out,
    PrintStream err,
    boolean inTerminal,
    boolean outTerminal,
    boolean errTerminal) {

  /** What messages call {@code in}. */
  static final String STDIN = "standard input";

  /** The process's own streams. The launcher tells which are terminals. */
  static Io ofProcess() {
    String terminals = System.getProperty("calidrop.terminals", "");
    return new Io(
        System.in,
        new PrintStream(System.out, true, StandardCharsets.UTF_8),
        new PrintStream(System.err, true, StandardCharsets.UTF_8),
        terminals.contains("0"),
        terminals.contains("1"),
        terminals.contains("2"));
  }
}
