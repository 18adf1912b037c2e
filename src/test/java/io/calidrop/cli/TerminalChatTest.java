package io.calidrop.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import io.calidrop.AnsweringModel;
import io.calidrop.Processes;
import io.calidrop.TestData;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The chat in a pseudo-terminal, which script(1) makes: keys go in, what is on the screen comes.
 */
@Timeout(600)
class TerminalChatTest {
  private static final String SCRIPT = "/usr/bin/script";
  private static final String CTRL_C = "\u0003";
  private static final String CTRL_D = "\u0004";
  private static final String PASTE_BEGIN = "\u001b[200~";
  private static final String PASTE_END = "\u001b[201~";
  private static final String HOME = "\u0001";
  private static final String KILL_LINE = "\u000b";
  private static final String GREEN = "\u001b[32;1m";
  private static final String CURSOR_UP = "\u001b[A";
  private static final String UP = "\u001bOA";

  @TempDir private Path directory;
  private Process process;
  private OutputStream keys;
  private final StringBuffer screen = new StringBuffer();
  private int seen; // characters of the screen that were looked at

  private void start(String... args) throws IOException, InterruptedException {
    start(Map.of(), args);
  }

  private void start(Map<String, String> environment, String... args)
      throws IOException, InterruptedException {
    start(environment, AnsweringModel.file(), args);
  }

  private void start(Map<String, String> environment, Path model, String... args)
      throws IOException, InterruptedException {
    if (!Files.isExecutable(Path.of(SCRIPT))) {
      abort("skipped: there is no script(1) to make a terminal");
    }
    List<String> all = new ArrayList<>(List.of("chat", "--temp", "0", "--model", model.toString()));
    all.addAll(List.of(args));
    List<String> command = Processes.command(all, "-Dcalidrop.terminals=012");
    String line =
        command.stream()
            .map(arg -> "'" + arg.replace("'", "'\\''") + "'")
            .collect(Collectors.joining(" "));
    ProcessBuilder builder =
        new ProcessBuilder(Processes.interruptible(script("stty $SIZE; exec " + line)))
            .redirectErrorStream(true);
    builder.environment().put("XDG_STATE_HOME", directory.toString());
    builder.environment().put("TERM", "xterm");
    builder.environment().remove("NO_COLOR");
    builder.environment().put("SIZE", "rows 40 cols 100");
    builder.environment().putAll(environment);
    process = builder.start();
    keys = process.getOutputStream();
    Thread.ofVirtual().start(this::copyScreen);
  }

  /** The command of util-linux, or of BSD and macOS. */
  private static List<String> script(String line) {
    return System.getProperty("os.name").equals("Linux")
        ? List.of(SCRIPT, "-qec", line, "/dev/null")
        : List.of(SCRIPT, "-q", "/dev/null", "sh", "-c", line);
  }

  private void copyScreen() {
    try (InputStream in = process.getInputStream()) {
      byte[] buffer = new byte[4096];
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        screen.append(new String(buffer, 0, n, UTF_8));
      }
    } catch (IOException e) {
      screen.append(e);
    }
  }

  @AfterEach
  void kill() {
    if (process != null) {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
  }

  private void type(String text) throws IOException {
    keys.write(text.getBytes(UTF_8));
    keys.flush();
  }

  /** Waits until something appears after what was waited for before. */
  private void await(String text) throws InterruptedException {
    for (int i = 0; i < 1800; i++) {
      int at = screen.indexOf(text, seen);
      if (at >= 0) {
        seen = at + text.length();
        return;
      }
      assertThat(process.isAlive() || screen.indexOf(text, seen) >= 0)
          .as("waiting for %s on: %s", text, screen)
          .isTrue();
      Thread.sleep(100);
    }
    assertThat(screen.substring(seen)).contains(text);
  }

  private int exit() throws InterruptedException {
    assertThat(process.waitFor(120, TimeUnit.SECONDS)).as("%s", screen).isTrue();
    return process.exitValue();
  }

  @Test
  void linesAreEditedCompletedAndRemembered() throws IOException, InterruptedException {
    start("-n", "16");
    await("/help lists the commands");
    await("> ");
    assertThat(screen).contains(GREEN);
    type("/hel\t\r");
    await("/kv");
    await("> ");
    type("/set pres\t0.5\r");
    await("presence-penalty 0.5");
    await("> ");
    type("/set presence-penalty 0\r");
    await("> ");
    type("What is the capital of Franze?\u007f\u007f\u007fce?\r");
    await("The capital of France is Paris.");
    await("[load ");
    await("> ");
    type("\"\"\"What is the capital\rof France?\"\"\"\r");
    await("... ");
    await("Paris");
    await("> ");
    type(PASTE_BEGIN + "What is the capital\rof France?" + PASTE_END);
    await("of France?");
    type("\r");
    await("Paris");
    await("> ");
    type(CTRL_C);
    await("(Ctrl-D or /bye leaves)");
    await("> ");
    type("/nonsense\r");
    await("unknown command /nonsense");
    await("> ");
    type(UP);
    await("nonsense");
    type("\r");
    await("unknown command /nonsense");
    await("> ");
    type(CTRL_D);
    assertThat(exit()).isZero();
    Path history = directory.resolve("calidrop").resolve("history");
    assertThat(Files.readString(history)).contains("/help", "/nonsense");
    assertThat(Files.getPosixFilePermissions(history))
        .isEqualTo(PosixFilePermissions.fromString("rw-------"));
  }

  @Test
  void controlCStopsAnAnswerAndTheChatGoesOn() throws IOException, InterruptedException {
    start(Map.of(), AnsweringModel.endless(), "--no-history", "--color", "never");
    await("> ");
    type("Write a very long story about a whale, and then another one.\r");
    await("whale");
    await("whale");
    Thread.sleep(300);
    type(CTRL_C);
    await("| interrupted |");
    await("> ");
    type("/undo\r");
    await("took the last turn back");
    type("/bye\r");
    assertThat(exit()).isZero();
    assertThat(directory).isEmptyDirectory();
    assertThat(screen).doesNotContain(GREEN);
  }

  @Test
  void aLineIsWrappedToTheSizeThatTheTerminalGets() throws IOException, InterruptedException {
    start(Map.of("NO_COLOR", "1"), "--no-history");
    await("> ");
    String line = "y".repeat(60);
    type(line + HOME);
    await(line);
    Thread.sleep(300);
    assertThat(screen).as("it fits into 100 columns").doesNotContain(CURSOR_UP);
    type(KILL_LINE);
    resize(40);
    type(line + HOME);
    await(CURSOR_UP);
    type(KILL_LINE + CTRL_D);
    assertThat(exit()).isZero();
    assertThat(screen).doesNotContain(GREEN);
  }

  /** Row 14. */
  @Test
  void wordsOfAnAnswerWrapAtTheTerminalsEdge() throws IOException, InterruptedException {
    start(Map.of("SIZE", "rows 40 cols 24"), TestData.smolLm2(), "--no-history", "-q", "-n", "60");
    await("> ");
    type("Write a very long story about a whale.\r");
    await("whale.");
    await("> ");
    String answer = answer();
    assertThat(answer).contains("\r\u001b[K");
    List<String> lines = Screen.lines(24, answer);
    assertThat(lines).hasSizeGreaterThan(5).noneMatch(line -> line.startsWith("\u21a9"));
    resize(60);
    type("/regen\r");
    await("/regen");
    await("> ");
    List<String> wide = Screen.lines(60, answer());
    assertThat(wide).hasSizeLessThan(lines.size()).noneMatch(line -> line.startsWith("\u21a9"));
    assertThat(wide.stream().mapToInt(String::length).max().orElse(0)).isBetween(40, 59);
    type(CTRL_D);
    assertThat(exit()).isZero();
  }

  /** What was written between an input that ends at {@code \r\n} and the prompt after it. */
  private String answer() {
    String all = screen.substring(0, seen);
    int end = all.lastIndexOf("> ");
    int begin = all.lastIndexOf("\u001b[?2004l", end) + "\u001b[?2004l".length();
    return all.substring(begin, end)
        .replace("\r\n", "\n")
        .replaceAll("\u001b\\[\\?[0-9;]+[a-z]|\u001b[=>]|\u001b\\[[0-9;]*m", "")
        .strip();
  }

  /** Row 14. */
  @Test
  void aMessageMayBeginLikeAPathOrACommand() throws IOException, InterruptedException {
    start("--no-history", "-n", "4");
    await("> ");
    for (String message : List.of("/etc/hosts: what is it?", "\"\"\"/bye means what?\"\"\"")) {
      type(message + "\r");
      await("[load ");
      await("> ");
    }
    type("/exot\r");
    await("unknown command /exot; /help lists them, \"\"\" before and after makes it a message");
    await("> ");
    type("/bye\r");
    assertThat(exit()).isZero();
    assertThat(screen).doesNotContain("unknown command /etc");
  }

  @Test
  void aTerminalOfNoSizeHasAPromptToo() throws IOException, InterruptedException {
    start(Map.of("SIZE", "rows 0 cols 0"), "--no-history", "--color", "never");
    await("> ");
    type("/bye\r");
    assertThat(exit()).isZero();
    assertThat(screen).contains("> /bye").doesNotContain("....");
  }

  /** Row 9 of the cases. */
  @Test
  void whereNoHistoryCanBeThereIsAWarningAndAChat() throws IOException, InterruptedException {
    start(Map.of("XDG_STATE_HOME", "/proc"));
    await("warning: /proc/calidrop/history cannot be written: no history is kept");
    await("> ");
    type("/bye\r");
    assertThat(exit()).isZero();
  }

  private void resize(int columns) throws IOException, InterruptedException {
    ProcessHandle java = process.descendants().reduce((a, b) -> b).orElseThrow();
    Path input = Path.of("/proc", Long.toString(java.pid()), "fd", "0");
    if (!Files.exists(input)) {
      abort("skipped: nothing tells which terminal it is");
    }
    Path terminal = input.toRealPath();
    Process stty =
        new ProcessBuilder("stty", "-F", terminal.toString(), "cols", Integer.toString(columns))
            .redirectErrorStream(true)
            .start();
    assertThat(stty.waitFor())
        .as("%s", new String(stty.getInputStream().readAllBytes(), UTF_8))
        .isZero();
    Thread.sleep(500);
  }
}
