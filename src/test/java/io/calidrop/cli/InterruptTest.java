package io.calidrop.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.AnsweringModel;
import io.calidrop.Processes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** SIGINT, which Ctrl-C sends, where there is no terminal. */
@Timeout(600)
class InterruptTest {
  @TempDir private Path directory;

  private static Process start(String... args) throws IOException, InterruptedException {
    List<String> command = Processes.interruptible(Processes.command(List.of(args)));
    Process process = new ProcessBuilder(command).start();
    process.getOutputStream().close(); // a prompt may be piped in
    return process;
  }

  private static void interrupt(Process process) throws IOException, InterruptedException {
    new ProcessBuilder("kill", "-INT", Long.toString(process.pid())).start().waitFor();
  }

  @Test
  void aRunEndsWithItsStatistics() throws IOException, InterruptedException {
    String model = AnsweringModel.endless().toString();
    Process run =
        start(
            "run",
            "--model",
            model,
            "--temp",
            "0",
            "-p",
            "Count to ten thousand.",
            "--budget",
            "64");
    assertThat(run.getInputStream().readNBytes(20)).hasSize(20);
    interrupt(run);
    String err = new String(run.getErrorStream().readAllBytes(), UTF_8);
    assertThat(run.waitFor()).as(err).isEqualTo(ExitCode.INTERRUPTED);
    assertThat(err).contains("[load ", "| interrupted |");
  }

  @Test
  void aBatchKeepsWhatIsFinished() throws IOException, InterruptedException {
    Path in = Files.write(directory.resolve("in.txt"), List.of("Hello.\n".repeat(50).split("\n")));
    Path out = directory.resolve("out.jsonl");
    String model = AnsweringModel.endless().toString();
    Process batch =
        start(
            "batch",
            "--model",
            model,
            "--in",
            in.toString(),
            "--out",
            out.toString(),
            "--parallel",
            "3");
    while (batch.isAlive() && (!Files.exists(out) || Files.size(out) == 0)) {
      Thread.sleep(5);
    }
    interrupt(batch);
    String err = new String(batch.getErrorStream().readAllBytes(), UTF_8);
    assertThat(batch.waitFor()).as(err).isEqualTo(ExitCode.INTERRUPTED);
    assertThat(err).contains("interrupted, --resume goes on: ");
    assertThat(Files.readAllLines(out)).hasSizeBetween(1, 49).allMatch(line -> line.endsWith("}"));
  }
}
