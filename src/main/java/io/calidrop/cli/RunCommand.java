package io.calidrop.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.calidrop.cli.HelpGroup.Heading;
import io.calidrop.cli.ModelFlags.OnFull;
import io.calidrop.generate.ChatSession;
import io.calidrop.generate.Engine;
import io.calidrop.generate.GenerationOptions;
import io.calidrop.generate.GenerationResult;
import io.calidrop.generate.StopReason;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jline.utils.Signals;
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
    try (Engine engine = conversation.load(io, parent.verbose(), OnFull.STOP)) {
      return answer(io, engine, options, text, raw, conversation, quiet, json, parent.isColored());
    }
  }

  /** Answers a prompt on {@code io}; returns the exit code. */
  static int answer(
      Io io,
      Engine engine,
      GenerationOptions options,
      String text,
      boolean raw,
      ConversationFlags conversation,
      boolean quiet,
      boolean json,
      boolean color)
      throws JsonProcessingException {
    try (Interrupts interrupts =
        new Interrupts(() -> Runtime.getRuntime().halt(ExitCode.INTERRUPTED))) {
      TerminalWidth width = new TerminalWidth();
      Signals.register("WINCH", width::changed);
      interrupts.begin();
      GenerationResult result;
      TextOutput output;
      if (raw) {
        output = new TextOutput(io, interrupts, width, color, Optional.empty());
        result = engine.complete(text, options, json ? piece -> {} : output, interrupts);
      } else {
        try (ChatSession chat = engine.chat(options, conversation.template(io, engine))) {
          conversation.system().ifPresent(chat::system);
          output = new TextOutput(io, interrupts, width, color, chat.openedReasoning());
          result = chat.send(text, json ? piece -> {} : output, interrupts);
        }
      }
      if (json) {
        Json.print(io.out(), Statistics.json(result, engine.loadNanos()));
      } else {
        output.end();
      }
      if (!quiet && !json) {
        io.err().println(Statistics.line(result, engine.loadNanos()));
      }
      return result.stopReason() == StopReason.INTERRUPTED && !io.out().checkError()
          ? ExitCode.INTERRUPTED
          : ExitCode.OK;
    }
  }
}
