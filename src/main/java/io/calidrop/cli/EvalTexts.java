package io.calidrop.cli;

import io.calidrop.download.Checksum;
import io.calidrop.text.Utf8;
import io.calidrop.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** The texts that an evaluation reads. */
final class EvalTexts {
  private final List<Path> files;

  /** A text as tokens, without any that a model expects at its beginning. */
  record Text(String name, int[] tokens) {}

  /** Refuses files that cannot be read, before a model is loaded. */
  EvalTexts(CommandSpec spec, List<Path> files) {
    this.files = files;
    for (Path file : files) {
      String problem = problem(file);
      if (problem != null) {
        throw new ParameterException(spec.commandLine(), "--text %s %s".formatted(file, problem));
      }
    }
  }

  /** Why a file cannot be read, and read again; or null. */
  private static String problem(Path file) {
    if (!Files.exists(file)) {
      return "does not exist";
    }
    if (Files.isDirectory(file)) {
      return "is a folder, not a file";
    }
    if (!Files.isRegularFile(file)) {
      return "can be read only once: put the text into a file";
    }
    return Files.isReadable(file) ? null : "cannot be read: permission denied";
  }

  /** The files' names and checksums. */
  String identity() throws IOException {
    List<String> all = new ArrayList<>();
    for (Path file : files) {
      all.add(file.getFileName() + " sha256 " + Checksum.sha256(file));
    }
    return String.join(", ", all);
  }

  List<Text> read(Tokenizer tokenizer) throws IOException {
    List<Text> texts = new ArrayList<>();
    for (Path file : files) {
      int[] tokens = tokenizer.encode(Utf8.read(file), false);
      texts.add(new Text(file.getFileName().toString(), tokens));
    }
    return texts;
  }
}
