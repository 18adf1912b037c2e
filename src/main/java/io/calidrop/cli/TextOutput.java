package io.calidrop.cli;

import io.calidrop.generate.Reasoning;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Streams model text to stdout, to a file or a pipe as it is; a reader that has gone away ends the
 * generation quietly.
 */
final class TextOutput implements Consumer<String> {
  private final Io io;
  private final Interrupts interrupts;
  private final TerminalText terminal; // or null

  /**
   * @param width of the terminal, where stdout is one
   * @param color whether a terminal shows colours
   * @param opened marks of reasoning that the text begins inside of
   */
  TextOutput(
      Io io,
      Interrupts interrupts,
      TerminalWidth width,
      boolean color,
      Optional<Reasoning> opened) {
    this.io = io;
    this.interrupts = interrupts;
    terminal = io.outTerminal() ? new TerminalText(width, color, opened) : null;
  }

  @Override
  public void accept(String piece) {
    io.out().print(terminal == null ? piece : terminal.add(piece));
    if (io.out().checkError()) { // flushes, too: text appears as it is generated
      interrupts.stop();
    }
  }

  /** Ends the text's last line. */
  void end() {
    io.out().println(terminal == null ? "" : terminal.end());
  }
}
