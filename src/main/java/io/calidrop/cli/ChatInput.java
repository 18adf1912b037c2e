package io.calidrop.cli;

import java.io.IOException;

/** Where the user's lines come from. */
interface ChatInput extends AutoCloseable {
  /**
   * The next input, which may have several lines, or null at the end.
   *
   * @throws InterruptedInput if the user pressed Ctrl-C instead
   */
  String read() throws IOException, InterruptedInput;

  /** Ctrl-C at the prompt. */
  final class InterruptedInput extends Exception {
    private static final long serialVersionUID = 1;

    InterruptedInput() {
      super("interrupted", null, false, false);
    }
  }

  @Override
  void close() throws IOException;
}
