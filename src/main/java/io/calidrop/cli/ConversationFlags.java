package io.calidrop.cli;

import io.calidrop.cli.HelpGroup.Heading;
import io.calidrop.cli.ModelFlags.OnFull;
import io.calidrop.generate.ChatTemplate;
import io.calidrop.generate.Engine;
import java.io.IOException;
import java.util.Optional;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What commands have in common that answer: the model, and how a conversation begins and ends. */
@HelpGroup(Heading.PROMPT)
final class ConversationFlags {
  @Mixin private ModelFlags model;
  @Mixin private TemplateFlags template;
  @Mixin private SpeculationFlags speculation;

  @Option(
      names = "--system",
      paramLabel = "TEXT",
      description = "System message; in a batch, of prompts without one.")
  private String system;

  @HelpGroup(Heading.CACHE)
  @Option(
      names = "--on-full",
      completionCandidates = Names.OnFull.class,
      paramLabel = "WHAT",
      description =
          "When the context is full: evict, which makes half of it a budget, or stop. Default: evict in chat, stop elsewhere.")
  private OnFull onFull;

  /** The system message, where the user gives one. */
  Optional<String> system() {
    return Optional.ofNullable(system);
  }

  /** The option among these that needs a chat template, where the user gives one. */
  Optional<String> templateOption() {
    return system == null ? template.given() : Optional.of("--system");
  }

  /** How conversations are written; warns when it is not as the model's own template would. */
  ChatTemplate template(Io io, Engine engine) {
    return template.of(io, engine);
  }

  /** Loads the model. */
  Engine load(Io io, boolean verbose, OnFull defaultValue) throws IOException {
    template.read();
    return model.load(io, verbose, onFull, defaultValue, speculation);
  }
}
