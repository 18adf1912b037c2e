package io.calidrop.cli;

import io.calidrop.batch.BatchInput;
import io.calidrop.batch.BatchParser;
import io.calidrop.batch.LineKind;
import io.calidrop.text.Utf8Lines;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;
import picocli.CommandLine.Option;

/** Where the prompts of a batch come from. */
final class BatchInputFlags {
  @Option(
      names = "--in",
      paramLabel = "FILE",
      required = true,
      description = "The prompts; - is standard input. A pipe will do: it is read once.")
  private Path in;

  @Option(
      names = "--lines",
      completionCandidates = Names.LineKinds.class,
      paramLabel = "KIND",
      description =
          "What a line is: json or text. Default: json in .jsonl, .ndjson and .json, text in other files; "
              + "without an extension json where the first line begins with {.")
  private LineKind lines;

  private boolean isStdin() {
    return in.toString().equals("-");
  }

  /** How many requests there are; empty where they can be read only once. */
  OptionalLong count() throws IOException {
    return !isStdin() && Files.isRegularFile(in)
        ? OptionalLong.of(BatchInput.count(in))
        : OptionalLong.empty();
  }

  /** Opens the prompts, once. */
  BatchInput open(Io io, BatchParser parser) throws IOException {
    Utf8Lines text = isStdin() ? new Utf8Lines(io.in(), Io.STDIN) : new Utf8Lines(in);
    return new BatchInput(text, lines == null ? LineKind.of(in) : Optional.of(lines), parser);
  }

  /** Refuses to write over the prompts. */
  void checkOutput(Path out) throws IOException {
    if (Files.exists(in) && Files.exists(out) && Files.isSameFile(in, out)) {
      throw new IllegalArgumentException("--in and --out are the same file, " + in);
    }
  }
}
