package io.calidrop.cli;

import io.calidrop.cli.HelpGroup.Heading;
import io.calidrop.text.Utf8;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Where a text comes from: an option, files, standard input, or several of them in this order. */
@HelpGroup(Heading.PROMPT)
final class PromptFlags {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = {"-p", "--prompt"},
      paramLabel = "TEXT",
      description = "The text itself.")
  private String text;

  @Option(
      names = {"-f", "--file"},
      paramLabel = "FILE",
      description = "A file that holds text; may be repeated.")
  private List<Path> files = new ArrayList<>();

  @Parameters(
      paramLabel = "STDIN",
      arity = "0..1",
      description = "-: read standard input, which a pipe without -p and -f does unasked.")
  private String dash;

  /** The whole text, its parts separated by newlines. */
  String read(Io io) throws IOException {
    if (dash != null && !dash.equals("-")) {
      throw new ParameterException(
          spec.commandLine(), "unexpected argument " + dash + "; -p gives a text");
    }
    List<String> parts = new ArrayList<>();
    if (text != null) {
      parts.add(text);
    }
    for (Path file : files) {
      parts.add(Utf8.read(file));
    }
    if (dash != null || parts.isEmpty() && !io.inTerminal()) {
      String piped = Utf8.read(io.in(), Io.STDIN);
      if (!piped.isEmpty()) {
        parts.add(piped);
      }
    }
    String all = String.join("\n", parts);
    if (all.isEmpty()) {
      throw new ParameterException(
          spec.commandLine(), "no text: give -p TEXT, -f FILE, or pipe one in");
    }
    return all;
  }
}
