package io.calidrop.cli;

import io.calidrop.cli.HelpGroup.Heading;
import io.calidrop.download.ModelStore;
import io.calidrop.generate.Speculation;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** How tokens are guessed ahead. */
@HelpGroup(Heading.GENERATION)
final class SpeculationFlags {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = "--speculate",
      paramLabel = "N",
      description =
          "Tokens guessed ahead, so that one pass checks several; the text is the same: auto for as many as pay, off, or up to "
              + Speculation.MOST
              + ". Default: ${DEFAULT-VALUE}.")
  private String tokens = "auto";

  @Option(
      names = "--draft",
      paramLabel = "FILE",
      description =
          "A smaller model with the same vocabulary that guesses them. Default: what the text repeats of itself.")
  private String draft;

  /** The options; a wrong one is a usage error. */
  Speculation speculation(ModelStore models) throws IOException {
    int count = tokens();
    if (draft != null && count == 0) {
      throw new ParameterException(
          spec.commandLine(), "--draft guesses tokens, which --speculate off leaves out");
    }
    Optional<Path> path = draft == null ? Optional.empty() : Optional.of(models.resolve(draft));
    return new Speculation(count, path);
  }

  private int tokens() {
    if (tokens.equals("auto") || tokens.equals("off")) {
      return tokens.equals("auto") ? Speculation.AUTO : 0;
    }
    if (!tokens.matches("\\d{1,2}") || Integer.parseInt(tokens) > Speculation.MOST) {
      throw new ParameterException(
          spec.commandLine(),
          "--speculate: auto, off, or from 0 to %d, not %s".formatted(Speculation.MOST, tokens));
    }
    return Integer.parseInt(tokens);
  }
}
