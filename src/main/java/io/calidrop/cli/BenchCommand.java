package io.calidrop.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.ParentCommand;

/** Benchmarks. */
@Command(
    name = "bench",
    description = "Measures models, kernels and this machine.",
    subcommands = {
      BenchModelCommand.class,
      BenchKernelsCommand.class,
      BenchRooflineCommand.class,
      BenchMakeModelCommand.class
    },
    footer = {"", "Example:", "  ./run.sh bench model -p 256 -n 128 -t 2"})
final class BenchCommand {
  @ParentCommand private CalidropCommand parent;
  @Mixin private HelpFlag help;

  CalidropCommand root() {
    return parent;
  }
}
