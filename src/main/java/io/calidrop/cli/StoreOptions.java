package io.calidrop.cli;

import io.calidrop.cli.HelpGroup.Heading;
import io.calidrop.models.ModelStore;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** Where models lie. */
@HelpGroup(Heading.MACHINE)
final class StoreOptions {
  @HelpGroup(value = Heading.MACHINE, rare = true)
  @Option(
      names = "--models-dir",
      paramLabel = "DIR",
      description = "Directory of models. Default: $CALIDROP_MODELS, or models/ beside run.sh.")
  private Path directory;

  ModelStore open() {
    if (directory != null) {
      return new ModelStore(directory);
    }
    String configured = System.getenv("CALIDROP_MODELS");
    if (configured != null && !configured.isEmpty()) {
      return new ModelStore(Path.of(configured));
    }
    return new ModelStore(Path.of(System.getProperty("calidrop.home", "")).resolve("models"));
  }
}
