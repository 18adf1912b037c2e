package io.calidrop.cli;

import java.io.IOException;

/** Where the user's lines come from. */
interface ChatInput extends AutoCloseable {
  /** Begins and ends an input of several lines. */
  String QUOTES = "\"\"\"";

  /**
   * What the user entered, of one line or several.
   *
   * @param quoted whether it stood between quotes: then it is a message, however it begins
   */
  record Entry(String text, boolean quoted) {
    /** An input as it was typed, its quotes included. */
    static Entry of(CharSequence typed) {
      String text = typed.toString().strip();
      if (!text.startsWith(QUOTES)) {
        return new Entry(typed.toString(), false);
      }
      int end = text.length() - (isClosed(text) ? QUOTES.length() : 0);
      return new Entry(text.substring(QUOTES.length(), end), true);
    }

    /** Whether an input that begins with quotes ends with them, too. */
    static boolean isClosed(CharSequence typed) {
      String text = typed.toString().strip();
      return text.length() >= 2 * QUOTES.length() && text.endsWith(QUOTES);
    }
  }

  /**
   * The next input, or null at the end.
   *
   * @throws InterruptedInput if the user pressed Ctrl-C instead
   */
  Entry read() throws IOException, InterruptedInput;

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
