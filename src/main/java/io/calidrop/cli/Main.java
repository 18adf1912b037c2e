package io.calidrop.cli;

import java.io.PrintWriter;
import java.util.Locale;
import picocli.CommandLine;

/** Entry point of the command line. */
public final class Main {
  private Main() {}

  public static void main(String[] args) {
    Locale.setDefault(Locale.ROOT); // figures have a point in any country
    Io io = Io.ofProcess();
    try {
      VectorApi.load();
    } catch (IllegalStateException e) {
      io.err().println("calidrop: " + e.getMessage());
      System.exit(ExitCode.ERROR);
    }
    System.exit(run(io, args));
  }

  /** Runs a command with these streams; returns the exit code. */
  static int run(Io io, String... args) {
    CalidropCommand root = new CalidropCommand(io);
    CommandLine commandLine = new CommandLine(root);
    Commands.add(commandLine, args);
    commandLine
        .setOut(new PrintWriter(io.out(), true))
        .setErr(new PrintWriter(io.err(), true))
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setExpandAtFiles(false)
        .setAllowOptionsAsOptionParameters(true)
        .setAllowSubcommandsAsOptionParameters(true)
        .setEndOfOptionsDelimiter(Arguments.END_OF_OPTIONS)
        .setParameterExceptionHandler(Errors::usage)
        .setExecutionExceptionHandler(
            (exception, command, parsed) -> Errors.report(exception, io, root.debug()))
        .setExecutionStrategy(
            parsed -> {
              commandLine.setColorScheme(root.colorScheme());
              return new CommandLine.RunLast().execute(parsed);
            });
    HelpGroups.use(commandLine);
    try {
      return commandLine.execute(Arguments.of(commandLine, args));
    } catch (OutOfMemoryError e) {
      return Errors.report(e, io, root.debug());
    }
  }
}
