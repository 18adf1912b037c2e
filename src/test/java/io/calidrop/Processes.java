package io.calidrop;

import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** The program, and other classes with a {@code main}, as processes of their own. */
public final class Processes {
  private static final int INTERRUPTED =
      128 + 2; // the JDK's exit value of a process that SIGINT ended

  /** What has a command no longer ignore SIGINT: nothing, GNU's env(1), or perl(1). */
  private static final List<List<String>> UNDOING =
      List.of(
          List.of(),
          List.of("env", "--default-signal=INT"),
          List.of("perl", "-e", "$SIG{INT} = 'DEFAULT'; exec @ARGV"));

  private Processes() {}

  /** The program's command line, with the options of the tests' JVM and more of them. */
  public static List<String> command(List<String> args, String... jvmOptions) {
    return command("io.calidrop.cli.Main", args, jvmOptions);
  }

  /** The command line of any class with a {@code main}. */
  public static List<String> command(String main, List<String> args, String... jvmOptions) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(arg -> arg.startsWith("--") || arg.startsWith("-XX:"))
        .forEach(command::add);
    command.addAll(List.of(jvmOptions));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), main));
    command.addAll(args);
    return command;
  }

  /**
   * The command line such that the process can be interrupted by SIGINT. A shell without job
   * control has what it starts in the background, which may be these tests, ignore it, and all that
   * those start; this skips the test where nothing here can undo it.
   */
  public static List<String> interruptible(List<String> command) throws InterruptedException {
    for (List<String> how : UNDOING) {
      if (isInterrupted(how)) {
        return concat(how, command);
      }
    }
    return abort("skipped: the tests run in the background of a shell, and SIGINT is ignored");
  }

  private static boolean isInterrupted(List<String> how) throws InterruptedException {
    List<String> probe = concat(how, List.of("sh", "-c", "kill -INT $$"));
    try {
      return new ProcessBuilder(probe).start().waitFor() == INTERRUPTED;
    } catch (IOException e) {
      return false; // there is no such program
    }
  }

  private static List<String> concat(List<String> first, List<String> second) {
    return Stream.concat(first.stream(), second.stream()).toList();
  }
}
