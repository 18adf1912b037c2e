package io.calidrop.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import org.junit.jupiter.api.Test;

class WorkProgressTest {
  private static String shown(long total) {
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    PrintStream none = new PrintStream(OutputStream.nullOutputStream());
    Io io =
        new Io(
            InputStream.nullInputStream(),
            none,
            new PrintStream(err, true, UTF_8),
            false,
            false,
            true);
    try (WorkProgress progress = new WorkProgress(io, "batch", "prompts", total)) {
      progress.skip(2);
      progress.step(3);
    }
    return err.toString(UTF_8);
  }

  /** Row 3 of the cases: input that can be read once has no total. */
  @Test
  void withoutATotalNoneIsShown() {
    assertThat(shown(5)).contains("3/3");
    assertThat(shown(-1)).contains("3/?");
  }
}
