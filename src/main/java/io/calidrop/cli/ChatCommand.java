package io.calidrop.cli;

import io.calidrop.generate.ChatSession;
import io.calidrop.generate.Engine;
import io.calidrop.generate.GenerationOptions;
import io.calidrop.generate.GenerationResult;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

/** A conversation, line by line. */
@Command(
    name = "chat",
    description = "Talks with a model: a line in, an answer out.",
    footer = {
      "",
      "In the chat: /help, /clear, /bye; Ctrl-C stops an answer, Ctrl-D leaves.",
      "",
      "Examples:",
      "  ./run.sh chat",
      "  ./run.sh chat --model other.gguf --system \"Answer briefly.\""
    })
final class ChatCommand implements Callable<Integer> {
  private static final String HELP =
      "/help shows this, /clear forgets the conversation, /bye or /exit leaves (as Ctrl-D does);"
          + " Ctrl-C stops an answer";

  @ParentCommand private CalidropCommand parent;
  @Mixin private HelpOption help;
  @Mixin private ModelOptions model;
  @Mixin private GenerationFlags generation;

  @Option(names = "--system", paramLabel = "TEXT", description = "System message.")
  private String system;

  @Option(
      names = {"-q", "--quiet"},
      description = "No banner and no statistics.")
  private boolean quiet;

  @Override
  public Integer call() throws IOException {
    Io io = parent.io();
    GenerationOptions options = generation.options(GenerationOptions.UNLIMITED);
    if (!io.inTerminal()) {
      String text = new String(io.in().readAllBytes(), StandardCharsets.UTF_8);
      if (text.isBlank()) {
        throw new IllegalArgumentException(
            "nothing was piped in; `run -p TEXT` answers a prompt, a terminal opens a chat");
      }
      GenerationOptions oneShot = generation.options(GenerationOptions.defaults().maxTokens());
      return RunCommand.answer(
          io, model, parent.verbose(), oneShot, text, false, system, quiet, false);
    }
    try (Engine engine = model.load(io, parent.verbose());
        Interrupts interrupts =
            new Interrupts(() -> io.err().print("\n(Ctrl-D or /bye leaves)\n> "));
        ChatSession chat = engine.chat(options)) {
      if (system != null) {
        chat.system(system);
      }
      if (!quiet) {
        io.err().printf("%s; %s%n", engine.model().config().name(), HELP);
      }
      converse(io, engine, chat, interrupts);
      return ExitCode.OK;
    }
  }

  private void converse(Io io, Engine engine, ChatSession chat, Interrupts interrupts)
      throws IOException {
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(io.in(), StandardCharsets.UTF_8));
    while (true) {
      io.err().print("> ");
      io.err().flush();
      String line = lines.readLine();
      if (line == null) {
        io.err().println();
        return;
      }
      String command = line.strip();
      if (command.isEmpty()) {
        continue;
      }
      if (!command.startsWith("/")) {
        answer(io, engine, chat, interrupts, line);
        continue;
      }
      switch (command) {
        case "/bye", "/exit" -> {
          return;
        }
        case "/help" -> io.err().println(HELP);
        case "/clear" -> {
          io.err().printf("forgot %d messages%n", chat.messages().size());
          chat.clear();
        }
        default -> io.err().printf("unknown command %s; %s%n", command, HELP);
      }
    }
  }

  private void answer(Io io, Engine engine, ChatSession chat, Interrupts interrupts, String line) {
    interrupts.begin();
    try {
      GenerationResult result = chat.send(line, new TextOutput(io, interrupts), interrupts);
      io.out().println();
      if (!quiet) {
        io.err().println(Statistics.line(result, engine.loadNanos()));
      }
    } catch (IllegalArgumentException e) {
      io.err().println(e.getMessage()); // the conversation is as it was
    } finally {
      interrupts.end();
    }
  }
}
