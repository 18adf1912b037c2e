package io.calidrop.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.ParentCommand;

/** Measures what a bounded cache costs in quality. */
@Command(
    name = "eval",
    description = "Measures what a bounded cache costs in quality.",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      EvalQualityCommand.class,
      EvalTasksCommand.class,
      EvalPerplexityCommand.class,
      EvalErrorCommand.class,
      EvalCostCommand.class
    },
    footer = {
      "",
      "Example:",
      "  ./run.sh eval quality --text book.txt --budgets 128,512",
      "  ./run.sh eval tasks --out tasks"
    })
final class EvalCommand {
  @ParentCommand private CalidropCommand parent;
  @Mixin private HelpFlag help;

  CalidropCommand root() {
    return parent;
  }
}
