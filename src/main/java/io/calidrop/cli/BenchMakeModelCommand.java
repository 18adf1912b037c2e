package io.calidrop.cli;

import io.calidrop.bench.RandomModel;
import io.calidrop.model.family.Architecture;
import io.calidrop.model.family.Families;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Writes a model of random weights. */
@Command(
    name = "make-model",
    description = "Writes a model of random weights, to measure speed without a download.",
    footer = {
      "",
      "Example:",
      "  ./run.sh bench make-model --shape 1b --type q4_0 /tmp/1b-q4_0.gguf"
    })
final class BenchMakeModelCommand implements Callable<Integer> {
  @ParentCommand private BenchCommand parent;
  @Spec private CommandSpec spec;
  @Mixin private HelpFlag help;

  @Option(
      names = "--family",
      defaultValue = "llama",
      paramLabel = "NAME",
      description = "Family of models, such as qwen3. Default: ${DEFAULT-VALUE}.")
  private String family;

  @Option(
      names = "--shape",
      required = true,
      paramLabel = "SHAPE",
      description = "tiny, 135m (SmolLM2), 1b (Llama 3.2), 8b (Llama 3.1).")
  private String shape;

  @Option(
      names = "--type",
      completionCandidates = Names.Mixes.class,
      required = true,
      paramLabel = "TYPE",
      description = "Weight format: ${COMPLETION-CANDIDATES}.")
  private RandomModel.Mix type;

  @Option(names = "--force", description = "Replace a file that is there.")
  private boolean force;

  @Parameters(paramLabel = "FILE", description = "The file to write.")
  private Path file;

  @Override
  public Integer call() throws IOException {
    if (!shape.toLowerCase(Locale.ROOT).matches("tiny|135m|1b|8b")) {
      throw new ParameterException(
          spec.commandLine(), "--shape must be tiny, 135m, 1b or 8b, not " + shape);
    }
    Architecture architecture =
        Families.named(family)
            .orElseThrow(
                () ->
                    new ParameterException(
                        spec.commandLine(),
                        "--family must be one of %s, not %s".formatted(Families.names(), family)));
    if (Files.exists(file) && !force) {
      throw new IOException(file + " is there already; --force replaces it");
    }
    new RandomModel(architecture, RandomModel.Shape.named(shape), type).write(file);
    parent.root().io().err().println("wrote " + file + ", " + Sizes.bytes(Files.size(file)));
    return ExitCode.OK;
  }
}
