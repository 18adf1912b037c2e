package io.calidrop.cli;

import io.calidrop.cli.HelpGroup.Heading;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import picocli.AutoComplete.GenerateCompletion;
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
    description = "Runs Llama-family models on the CPU.",
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
    },
    subcommands = {
      ChatCommand.class,
      RunCommand.class,
      BatchCommand.class,
      MergeCommand.class,
      PullCommand.class,
      ListCommand.class,
      InspectCommand.class,
      TokenizeCommand.class,
      EvalCommand.class,
      BenchCommand.class,
      GenerateCompletion.class
    })
@HelpGroup(Heading.OUTPUT)
final class CalidropCommand {
  /** When to colour. */
  enum Color {
    AUTO,
    ALWAYS,
    NEVER
  }

  private static final Set<String> ROOT_ONLY = Set.of("-h", "--help", "-V", "--version");

  private final Io io;

  @Mixin private HelpOption help;

  @HelpGroup(value = Heading.OUTPUT, rare = true)
  @Option(
      names = {"-V", "--version"},
      versionHelp = true,
      description = "Show the version, the JDK and the vector width.")
  private boolean version;

  @HelpGroup(value = Heading.OUTPUT, rare = true)
  @Option(
      names = "--color",
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

  /** The colours of help texts, which are printed before options are parsed. */
  ColorScheme colorScheme(String[] args) {
    List<String> arguments = Arrays.asList(args);
    boolean always =
        arguments.contains("--color=always")
            || Collections.indexOfSubList(arguments, List.of("--color", "always")) >= 0;
    boolean never =
        arguments.contains("--color=never")
            || Collections.indexOfSubList(arguments, List.of("--color", "never")) >= 0;
    return CommandLine.Help.defaultColorScheme(
        always || isColoredTerminal() && !never ? Ansi.ON : Ansi.OFF);
  }

  /**
   * The arguments, with {@code chat} before them where they name no command and ask for no help.
   */
  static String[] withDefaultCommand(CommandLine commandLine, String[] args) {
    boolean named =
        Arrays.stream(args)
            .anyMatch(
                arg -> commandLine.getSubcommands().containsKey(arg) || ROOT_ONLY.contains(arg));
    return named
        ? args
        : Stream.concat(Stream.of("chat"), Arrays.stream(args)).toArray(String[]::new);
  }
}
