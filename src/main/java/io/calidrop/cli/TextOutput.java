package io.calidrop.cli;

import java.util.function.Consumer;

/** Streams model text to stdout; a reader that has gone away ends the generation quietly. */
final class TextOutput implements Consumer<String> {
  private final Io io;
  private final Interrupts interrupts;

  TextOutput(Io io, Interrupts interrupts) {
    this.io = io;
    this.interrupts = interrupts;
  }

  @Override
  public void accept(String piece) {
    io.out().print(piece);
    if (io.out().checkError()) { // flushes, too: text appears as it is generated
      interrupts.stop();
    }
  }
}
