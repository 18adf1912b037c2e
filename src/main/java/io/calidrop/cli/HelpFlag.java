package io.calidrop.cli;

import io.calidrop.cli.HelpGroup.Heading;
import picocli.CommandLine.Option;

/** {@code --help}, which every command has. */
@HelpGroup(Heading.OUTPUT)
final class HelpFlag {
  @HelpGroup(value = Heading.OUTPUT, rare = true)
  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help.")
  private boolean help;
}
