package io.calidrop.cli;

import io.calidrop.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Which pieces of which texts an evaluation reads. */
final class TextFlags {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      required = true,
      description = "A text in UTF-8; may be given several times.")
  private List<Path> texts;

  @Option(
      names = "--first-token",
      paramLabel = "N",
      split = ",",
      description = "Tokens of the text to begin with, instead of --seeds.")
  private List<Integer> firstTokens;

  @Option(
      names = "--seeds",
      paramLabel = "N",
      split = ",",
      description = "Each begins at a random place of each text. Default: ${DEFAULT-VALUE}.")
  private List<Long> seeds;

  /**
   * A piece of a text.
   *
   * @param text name of its file
   * @param first index of its first token in the text
   */
  record Piece(String text, int first, int[] tokens) {
    String key() {
      return text + "@" + first;
    }
  }

  /** The texts; refuses what cannot be, before a model is loaded. */
  EvalTexts check() {
    boolean seeded = spec.commandLine().getParseResult().hasMatchedOption("--seeds");
    if (seeded && firstTokens != null) {
      throw new ParameterException(
          spec.commandLine(),
          "--seeds and --first-token exclude each other: both choose the place");
    }
    return new EvalTexts(spec, texts);
  }

  /** Where the pieces begin, as a reader is told. */
  String places() {
    return firstTokens != null ? "tokens " + firstTokens : "seeds " + seeds;
  }

  /**
   * Pieces of {@code count} tokens.
   *
   * @throws IllegalArgumentException if a text is too short for them
   */
  List<Piece> pieces(EvalTexts files, Tokenizer tokenizer, int count) throws IOException {
    List<Piece> pieces = new ArrayList<>();
    for (EvalTexts.Text text : files.read(tokenizer)) {
      int last = text.tokens().length - count;
      for (int first : starts(last)) {
        if (first < 0 || first > last) {
          throw new IllegalArgumentException(
              "%s has %d tokens, fewer than the %d from token %d on: choose another --first-token, or fewer --prompt-tokens and --tokens"
                  .formatted(text.name(), text.tokens().length, count, first));
        }
        int[] tokens = Arrays.copyOfRange(text.tokens(), first, first + count);
        pieces.add(new Piece(text.name(), first, tokens));
      }
    }
    return pieces;
  }

  private List<Integer> starts(int last) {
    if (firstTokens != null) {
      return firstTokens;
    }
    return seeds.stream()
        .map(seed -> last < 0 ? 0 : new SplittableRandom(seed).nextInt(last + 1))
        .distinct()
        .toList();
  }
}
