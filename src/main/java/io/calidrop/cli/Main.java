package io.calidrop.cli;

import java.io.PrintWriter;
import picocli.CommandLine;

/** Entry point of the command line. */
public final class Main {
  private Main() {}

  public static void main(String[] args) {
    System.exit(run(Io.ofProcess(), args));
  }

  /** Runs a command with these streams; returns the exit code. */
  static int run(Io io, String... args) {
    CalidropCommand root = new CalidropCommand(io);
    CommandLine commandLine = new CommandLine(root);
    commandLine
        .setOut(new PrintWriter(io.out(), true))
        .setErr(new PrintWriter(io.err(), true))
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setParameterExceptionHandler(Errors::usage)
        .setExecutionExceptionHandler(
            (exception, command, parsed) -> Errors.report(exception, io, root.debug()))
        .setColorScheme(root.colorScheme(args));
    HelpGroups.use(commandLine);
    try {
      return commandLine.execute(CalidropCommand.withDefaultCommand(commandLine, args));
    } catch (OutOfMemoryError e) {
      return Errors.report(e, io, root.debug());
    }
  }
}
