package io.calidrop.cli;

import io.calidrop.gguf.ModelFormatException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/** Turns what went wrong into one line for the user and an exit code. */
final class Errors {
  private Errors() {}

  static int usage(ParameterException exception, String[] args) {
    CommandLine command = exception.getCommandLine();
    String line = exception.getMessage().lines().findFirst().orElse("");
    command
        .getErr()
        .println(
            "calidrop: %s (%s --help shows the options)"
                .formatted(line, command.getCommandSpec().qualifiedName()));
    return ExitCode.USAGE;
  }

  static int report(Throwable thrown, Io io, boolean debug) {
    if (debug) {
      thrown.printStackTrace(io.err());
    } else {
      io.err().println("calidrop: " + message(thrown));
    }
    return ExitCode.ERROR;
  }

  static String message(Throwable thrown) {
    return switch (thrown) {
      case OutOfMemoryError e ->
          "not enough memory: a smaller --ctx, --kv-type q8_0 or a larger heap"
              + " (CALIDROP_JAVA_OPTS=-Xmx8g) helps";
      case NoSuchFileException e -> e.getFile() + " does not exist";
      case AccessDeniedException e -> e.getFile() + " cannot be used: permission denied";
      case ModelFormatException e -> e.getMessage();
      case IllegalArgumentException e -> e.getMessage();
      case UncheckedIOException e -> e.getMessage();
      case IOException e -> e.getMessage() == null ? e.toString() : e.getMessage();
      default -> "internal error: %s (--debug shows where)".formatted(thrown);
    };
  }
}
