package io.calidrop.cli;

import io.calidrop.cli.HelpGroup.Heading;
import io.calidrop.download.ModelStore;
import io.calidrop.download.Network;
import io.calidrop.download.Proxies;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** Where models lie. */
@HelpGroup(Heading.MACHINE)
final class StoreFlags {
  @HelpGroup(value = Heading.MACHINE, rare = true)
  @Option(
      names = "--models-dir",
      paramLabel = "DIR",
      description = "Directory of models. Default: $CALIDROP_MODELS, or models/ beside run.sh.")
  private Path directory;

  ModelStore open() {
    return new ModelStore(path(), new Network(new Proxies(System.getenv())));
  }

  private Path path() {
    if (directory != null) {
      return directory;
    }
    String configured = System.getenv("CALIDROP_MODELS");
    if (configured != null && !configured.isEmpty()) {
      return Path.of(configured);
    }
    return Path.of(System.getProperty("calidrop.home", "")).resolve("models");
  }
}
