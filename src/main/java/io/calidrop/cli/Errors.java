package io.calidrop.cli;

import io.calidrop.gguf.ModelFormatException;
import io.calidrop.text.Nearest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.util.Collection;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Turns what went wrong into one line for the user and an exit code. */
final class Errors {
  private static final String ANSWERS = "; `run -p TEXT` answers a prompt";

  private static final Pattern CHOICES =
      Pattern.compile("(?<=expected one of )\\[(.*)] \\(case-insensitive\\)");

  private Errors() {}

  static int usage(ParameterException exception, String[] args) {
    CommandLine command = exception.getCommandLine();
    String line = plain(exception.getMessage().lines().findFirst().orElse(""));
    if (line.equals("Missing required subcommand")) {
      line += ": " + String.join(", ", command.getSubcommands().keySet());
    }
    if (exception instanceof UnmatchedArgumentException unknown) {
      String first = unknown.getUnmatched().getFirst();
      if (!first.startsWith("-") && command.getCommandName().equals(Commands.CHAT)) {
        command = command.getParent(); // a chat is what no command means
        line = "there is no command " + first + meant(first, Commands.names(), ANSWERS);
      } else if (first.startsWith("--")) {
        line += meant(first, command.getCommandSpec().optionsMap().keySet(), "");
      } else if (first.equals("-p") || first.equals("-f")) {
        line += ANSWERS;
      } else {
        line += meant(first, command.getSubcommands().keySet(), "");
      }
    }
    command
        .getErr()
        .println(
            "calidrop: %s (%s --help shows the options)"
                .formatted(line, command.getCommandSpec().qualifiedName()));
    return ExitCode.USAGE;
  }

  private static String meant(String name, Collection<String> known, String otherwise) {
    return Nearest.of(name, known).map("; is it %s?"::formatted).orElse(otherwise);
  }

  /** Without the names of Java's types, and with choices as they are typed. */
  private static String plain(String message) {
    return CHOICES
        .matcher(message)
        .replaceFirst(
            found -> Matcher.quoteReplacement(found.group(1).toLowerCase(Locale.ROOT) + ","))
        .replaceFirst("is not an? (double|float)$", "is no number")
        .replaceFirst("is not an? (int|long)$", "is no whole number");
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
