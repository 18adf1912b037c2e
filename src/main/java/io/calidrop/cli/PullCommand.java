package io.calidrop.cli;

import io.calidrop.download.ModelSource;
import io.calidrop.download.ModelStore;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Downloads a model. */
@Command(
    name = "pull",
    description = "Downloads a model; an interrupted download is resumed.",
    footer = {
      "",
      "HF_TOKEN, where it is set, goes to hf: sources; HF_ENDPOINT is their address.",
      "",
      "Examples:",
      "  ./run.sh pull",
      "  ./run.sh pull hf:owner/repository/file.gguf",
      "  ./run.sh pull https://example.org/model.gguf --sha256 0123..."
    })
final class PullCommand implements Callable<Integer> {
  @ParentCommand private CalidropCommand parent;
  @Mixin private HelpFlag help;
  @Spec private CommandSpec spec;
  @Mixin private StoreFlags store;

  @Parameters(
      paramLabel = "SOURCE",
      arity = "0..1",
      description = "URL or hf:owner/repository/file.gguf. Default: SmolLM2-135M-Instruct.")
  private String source;

  @Option(names = "--sha256", paramLabel = "HEX", description = "Checksum that the file must have.")
  private String sha256;

  @Option(names = "--force", description = "Replace a file of the same name.")
  private boolean force;

  @Override
  public Integer call() throws IOException {
    if (source == null && (sha256 != null || force)) {
      throw new ParameterException(
          spec.commandLine(),
          "--sha256 and --force need a SOURCE; the default model is checked anyway");
    }
    ModelStore models = store.open();
    Path file;
    try (ProgressDisplay progress = new ProgressDisplay(parent.io())) {
      if (source == null) {
        file = models.defaultModel(progress);
      } else {
        String base =
            Optional.ofNullable(System.getenv("HF_ENDPOINT")).orElse(ModelSource.HUGGING_FACE);
        String token = source.startsWith("hf:") ? System.getenv("HF_TOKEN") : null;
        file = models.pull(ModelSource.parse(source, base), token, sha256, force, progress);
      }
    }
    parent.io().out().println(file);
    return ExitCode.OK;
  }
}
