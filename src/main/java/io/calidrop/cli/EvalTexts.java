package io.calidrop.cli;

import io.calidrop.models.Checksum;
import io.calidrop.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
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
      if (!Files.isReadable(file) || Files.isDirectory(file)) {
        throw new ParameterException(
            spec.commandLine(), "--text %s cannot be read".formatted(file));
      }
    }
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
      try {
        int[] tokens = tokenizer.encode(Files.readString(file), false);
        texts.add(new Text(file.getFileName().toString(), tokens));
      } catch (CharacterCodingException e) {
        throw new IOException(file + " is not a text in UTF-8", e);
      }
    }
    return texts;
  }
}
