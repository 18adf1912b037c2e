package io.calidrop.cli;

import io.calidrop.cli.HelpGroup.Heading;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Help.ColorScheme;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** The root of all commands; alone it opens a chat. */
@Command(
    name = "calidrop",
    description = "Runs language models on the CPU.",
    versionProvider = Version.class,
    synopsisSubcommandLabel = "COMMAND",
    footer = {
      "",
      "Without a command: a chat, or an answer to what is piped in.",
      "",
      "Examples:",
      "  ./run.sh",
      "  ./run.sh run -p \"What is the capital of France?\"",
      "  ./run.sh pull hf:owner/repository/file.gguf"
    })
@HelpGroup(Heading.OUTPUT)
final class CalidropCommand {
  /** When to colour. */
  enum Color {
    AUTO,
    ALWAYS,
    NEVER
  }

  private final Io io;

  @Mixin private HelpFlag help;

  @HelpGroup(value = Heading.OUTPUT, rare = true)
  @Option(
      names = {"-V", "--version"},
      versionHelp = true,
      description = "Show the version, the JDK and the vector width.")
  private boolean version;

  @HelpGroup(value = Heading.OUTPUT, rare = true)
  @Option(
      names = "--color",
      completionCandidates = Names.Colors.class,
      scope = ScopeType.INHERIT,
      description =
          "Colour the prompt, reasoning and help texts: auto (on a terminal, unless NO_COLOR is set), always, never. Default: ${DEFAULT-VALUE}.",
      defaultValue = "auto")
  private Color color;

  @HelpGroup(value = Heading.OUTPUT, rare = true)
  @Option(
      names = "--debug",
      scope = ScopeType.INHERIT,
      description = "Show stack traces of errors.")
  private boolean debug;

  @Option(
      names = {"-v", "--verbose"},
      scope = ScopeType.INHERIT,
      description = "Say what is loaded and how it is computed, on stderr.")
  private boolean verbose;

  CalidropCommand(Io io) {
    this.io = io;
  }

  Io io() {
    return io;
  }

  boolean debug() {
    return debug;
  }

  boolean verbose() {
    return verbose;
  }

  /** Whether what is shown on stdout's terminal is coloured. */
  boolean isColored() {
    return switch (color) {
      case ALWAYS -> true;
      case NEVER -> false;
      case AUTO -> isColoredTerminal();
    };
  }

  private boolean isColoredTerminal() {
    return io.outTerminal() && System.getenv("NO_COLOR") == null;
  }

  /** The colours of help texts. */
  ColorScheme colorScheme() {
    return CommandLine.Help.defaultColorScheme(isColored() ? Ansi.ON : Ansi.OFF);
  }
}
