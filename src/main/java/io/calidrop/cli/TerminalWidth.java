package io.calidrop.cli;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.util.function.IntSupplier;

/**
 * Columns of the controlling terminal, 0 where they are not known or the terminal cannot erase.
 * stty(1) tells them when they are first wanted and after each change.
 */
final class TerminalWidth implements IntSupplier {
  private static final int UNKNOWN = -1;

  private volatile int columns = UNKNOWN;

  /** Tells that the terminal may have another size now. */
  void changed() {
    columns = UNKNOWN;
  }

  @Override
  public int getAsInt() {
    int known = columns;
    if (known == UNKNOWN) {
      known = ask();
      columns = known;
    }
    return known;
  }

  private static int ask() {
    String type = System.getenv("TERM");
    if (type == null || type.equals("dumb")) {
      return 0;
    }
    try {
      Process stty =
          new ProcessBuilder("stty", "size")
              .redirectInput(new File("/dev/tty"))
              .redirectError(Redirect.DISCARD)
              .start();
      try (InputStream in = stty.getInputStream()) {
        String size = new String(in.readAllBytes(), StandardCharsets.US_ASCII).strip();
        return size.matches("\\d+ \\d{1,6}") ? Integer.parseInt(size.split(" ")[1]) : 0;
      }
    } catch (IOException e) {
      return 0; // no stty, or no terminal
    }
  }
}
