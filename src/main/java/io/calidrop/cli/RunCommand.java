package io.calidrop.cli;

import io.calidrop.cli.HelpGroup.Heading;
import io.calidrop.cli.ModelFlags.OnFull;
import io.calidrop.generate.Engine;
import io.calidrop.generate.GenerationOptions;
import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Answers one prompt and exits. */
@Command(
    name = "run",
    description = "Answers one prompt and exits.",
    footer = {
      "",
      "Examples:",
      "  ./run.sh run -p \"What is the capital of France?\"",
      "  ./run.sh run -p \"Summarise:\" -f notes.txt --temp 0",
      "  echo \"Once upon a time\" | ./run.sh run --raw -n 100"
    })
final class RunCommand implements Callable<Integer> {
  @ParentCommand private CalidropCommand parent;
  @Mixin private HelpFlag help;
  @Spec private CommandSpec spec;
  @Mixin private PromptFlags prompt;
  @Mixin private ConversationFlags conversation;
  @Mixin private GenerationFlags generation;

  @HelpGroup(Heading.PROMPT)
  @Option(names = "--raw", description = "Continue the text as it stands, without a chat template.")
  private boolean raw;

  @HelpGroup(Heading.OUTPUT)
  @Option(
      names = {"-q", "--quiet"},
      description = "No statistics.")
  private boolean quiet;

  @HelpGroup(Heading.OUTPUT)
  @Option(names = "--json", description = "Print the answer and its statistics as JSON.")
  private boolean json;

  @Override
  public Integer call() throws IOException {
    if (raw && conversation.templateOption().isPresent()) {
      throw new ParameterException(
          spec.commandLine(),
          conversation.templateOption().get() + " needs the chat template that --raw switches off");
    }
    Io io = parent.io();
    GenerationOptions options = generation.options(GenerationOptions.defaults().maxTokens());
    String text = prompt.read(io);
    OneAnswer answer = new OneAnswer(io, options, quiet, json, parent.isColored());
    try (Engine engine = conversation.load(io, parent.verbose(), OnFull.STOP)) {
      return raw ? answer.continues(engine, text) : answer.to(engine, conversation, text);
    }
  }
}
