package io.calidrop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.calidrop.MicroModel;
import io.calidrop.Processes;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Processes with a store in a file that are killed at any moment, or find no room for it. */
@Timeout(1200)
class FileStoreFaultsTest {
  /** As many by default as take a few seconds. */
  private static final int KILLS = Integer.getInteger("calidrop.kills", 6);

  private static final int AT_A_TIME = 2;

  /** Before a kill: the control may have stood still with its machine, the killed may not end. */
  private static final int MOST_MILLIS = 4000;

  @TempDir private Path directory;

  private record Ended(int code, String out, String err) {}

  /** Continues a text that soon exceeds the budget, in a process of its own. */
  private List<String> command(Path temporary, int words, String... more) throws IOException {
    Path text = Files.createTempFile(directory, "text", "");
    Files.writeString(text, "It was a long story of a whale. ".repeat(words / 8));
    List<String> args = new ArrayList<>(List.of("run", "--raw", "-f", text.toString()));
    args.addAll(List.of("--model", MicroModel.file().toString(), "--on-full", "evict"));
    args.addAll(List.of("--budget", "40", "--prune-interval", "16", "--recall", "16"));
    args.addAll(List.of("--temp", "0", "-n", "40"));
    args.addAll(List.of(more));
    return Processes.command(args, "-Djava.io.tmpdir=" + temporary, "-XX:-UsePerfData");
  }

  private Ended run(List<String> command) throws Exception {
    Path out = Files.createTempFile(directory, "out", "");
    Path err = Files.createTempFile(directory, "err", "");
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    assertThat(process.waitFor(180, TimeUnit.SECONDS)).isTrue();
    String said =
        Files.readString(err)
            .lines()
            .filter(line -> !line.startsWith("WARNING: "))
            .toList()
            .toString();
    return new Ended(process.exitValue(), Files.readString(out), said);
  }

  private Path temporary() throws IOException {
    return Files.createDirectory(directory.resolve("tmp"));
  }

  @Test
  void killsLeaveNoFileAndNoDamage() throws Exception {
    Path temporary = temporary();
    long start = System.nanoTime();
    Ended control = run(command(temporary, 200, "--store", "ram"));
    long millis = (System.nanoTime() - start) / 1_000_000;
    assertThat(control.code()).as(control.err()).isZero();
    Random random = new Random();
    int living = 0;
    for (int kills = 0; kills < KILLS; ) {
      List<Process> processes = new ArrayList<>();
      for (; processes.size() < AT_A_TIME && kills < KILLS; kills++) {
        processes.add(
            new ProcessBuilder(command(temporary, 20_000, "--store", "file"))
                .redirectOutput(Redirect.DISCARD)
                .redirectError(Redirect.DISCARD)
                .start());
      }
      for (Process process : processes) {
        Thread.sleep(random.nextLong(Math.clamp(millis, 1, MOST_MILLIS)));
        living += process.isAlive() ? 1 : 0;
        process.destroyForcibly();
        assertThat(process.waitFor(180, TimeUnit.SECONDS)).isTrue();
      }
      assertThat(temporary).isEmptyDirectory();
    }
    assertThat(living).as("killed while it worked").isEqualTo(KILLS);
    Ended after = run(command(temporary, 200, "--store", "file"));
    assertThat(after.code()).as(after.err()).isZero();
    assertThat(after.out()).isEqualTo(control.out());
    assertThat(temporary).isEmptyDirectory();
  }

  /** A limit of files' sizes is a disk that is full after as many bytes. */
  @Test
  void aFullDiskIsNamedAndSurvived() throws Exception {
    Path temporary = temporary();
    List<String> limited =
        new ArrayList<>(List.of("sh", "-c", "ulimit -f 800 && exec \"$@\"", "sh"));
    limited.addAll(command(temporary, 1000, "--store", "file"));
    Ended ended = run(limited);
    assertThat(ended.code()).as(ended.err()).isZero();
    assertThat(ended.err())
        .containsOnlyOnce("the store cannot grow (File too large): its oldest rows are folded");
    Matcher stored = Pattern.compile("store of (\\d+) tokens").matcher(ended.err());
    assertThat(stored.find()).as(ended.err()).isTrue();
    assertThat(Integer.parseInt(stored.group(1))).isBetween(64, 2000);
    assertThat(ended.err()).contains("generated ");
    assertThat(temporary).isEmptyDirectory();
  }

  @Test
  void aTemporaryDirectoryThatIsNotThereIsNamed() throws Exception {
    Path gone = directory.resolve("gone");
    Ended ended = run(command(gone, 50, "--store", "file"));
    assertThat(ended.code()).isEqualTo(ExitCode.ERROR);
    assertThat(ended.err())
        .isEqualTo(
            "[calidrop: no file for evicted tokens can be made in %s (there is no such directory): use --store ram]",
            gone);
  }
}
