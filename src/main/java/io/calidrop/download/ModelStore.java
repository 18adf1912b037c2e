package io.calidrop.download;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * A directory of GGUF files. Threads and processes may share a directory: each file has one writer
 * at a time.
 */
public final class ModelStore {
  private final Path directory;
  private final Network network;

  /** A directory whose files come without a proxy. */
  public ModelStore(Path directory) {
    this(directory, new Network(Proxies.NONE));
  }

  public ModelStore(Path directory, Network network) {
    this.directory = directory;
    this.network = network;
  }

  public Path directory() {
    return directory;
  }

  /**
   * The default model's file, fetched first if it is not there; a fetch that goes on is waited for.
   */
  public Path defaultModel(ProgressListener listener) throws IOException {
    Path file = directory.resolve(DefaultModel.FILE_NAME);
    new DefaultModel(network).fetch(file, listener);
    return file;
  }

  /** Whether the default model is there. */
  public boolean hasDefaultModel() {
    return Files.exists(directory.resolve(DefaultModel.FILE_NAME));
  }

  /**
   * Downloads a model.
   *
   * @param token bearer token for the server, or null
   * @param sha256 expected checksum, or null
   * @param force whether to replace a file that is there
   */
  public Path pull(
      ModelSource source, String token, String sha256, boolean force, ProgressListener listener)
      throws IOException {
    Path target = directory.resolve(source.fileName());
    if (Files.exists(target) && !force) {
      throw new ModelStoreException(target + " is there already; --force replaces it");
    }
    new Downloader(network).download(source.uri(), target, token, sha256, listener);
    return target;
  }

  /** The models in the directory, by name. */
  public List<Path> list() throws IOException {
    if (!Files.isDirectory(directory)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(directory)) {
      return files
          .filter(file -> file.toString().endsWith(".gguf") && Files.isRegularFile(file))
          .sorted()
          .toList();
    }
  }

  /** The file that a user means by a path or by a name in the directory, with or without suffix. */
  public Path resolve(String nameOrPath) throws IOException {
    List<Path> candidates =
        List.of(
            Path.of(nameOrPath),
            directory.resolve(nameOrPath),
            directory.resolve(nameOrPath + ".gguf"));
    return candidates.stream()
        .filter(Files::isRegularFile)
        .findFirst()
        .orElseThrow(
            () ->
                new ModelStoreException(
                    "no model %s, neither as a path nor in %s; `list` shows what is there"
                        .formatted(nameOrPath, directory)));
  }
}
