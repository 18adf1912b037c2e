package io.calidrop.cli;

import io.calidrop.batch.BatchInput;
import io.calidrop.batch.BatchMerge;
import io.calidrop.batch.BatchParser;
import io.calidrop.generate.GenerationOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** Joins the results of a batch's shards. */
@Command(
    name = "merge",
    description =
        "Joins the results of a batch's shards in the order of its input, after a check that none is "
            + "missing and none comes twice.",
    footer = {
      "",
      "Example:",
      "  ./run.sh merge --in prompts.jsonl --out results.jsonl 1.jsonl 2.jsonl"
    })
final class MergeCommand implements Callable<Integer> {
  @ParentCommand private CalidropCommand parent;
  @Mixin private HelpFlag help;

  @Mixin private BatchInputFlags prompts;

  @Option(names = "--out", paramLabel = "FILE", required = true, description = "The results.")
  private Path out;

  @Option(names = "--force", description = "Replace --out.")
  private boolean force;

  @Parameters(paramLabel = "SHARD", arity = "1..*", description = "Results of every shard.")
  private List<Path> shards;

  @Override
  public Integer call() throws IOException {
    prompts.checkOutput(out);
    if (Files.exists(out) && !force) {
      throw new IOException(out + " is there already: --force replaces it");
    }
    GenerationOptions any = GenerationOptions.defaults();
    BatchParser parser = new BatchParser(any, Optional.empty());
    try (BatchInput input = prompts.open(parent.io(), parser)) {
      long count = BatchMerge.merge(input, shards, out);
      parent.io().err().printf("merged %d results into %s%n", count, out);
    }
    return ExitCode.OK;
  }
}
