package io.calidrop.cli;

import io.calidrop.attention.CacheStatistics;
import io.calidrop.cli.HelpGroup.Heading;
import io.calidrop.cli.ModelFlags.OnFull;
import io.calidrop.generate.ChatSession;
import io.calidrop.generate.Engine;
import io.calidrop.generate.GenerationOptions;
import io.calidrop.generate.GenerationResult;
import io.calidrop.generate.StopReason;
import io.calidrop.text.Utf8;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

/** A conversation. */
@Command(
    name = "chat",
    description =
        "Talks with a model. A conversation has no end: when it outgrows the cache, older tokens are "
            + "evicted, calibration rows stand in for them, and the system message stays.",
    footer = {
      "",
      "In the chat: /help lists the commands, \"\"\" begins and ends a message of",
      "several lines, or one that begins like a command; Ctrl-C stops an answer,",
      "Ctrl-D leaves.",
      "",
      "Examples:",
      "  ./run.sh chat",
      "  ./run.sh chat --model other.gguf --system \"Answer briefly.\" --budget 512"
    })
final class ChatCommand implements Callable<Integer> {
  @ParentCommand private CalidropCommand parent;
  @Mixin private HelpFlag help;
  @Mixin private ConversationFlags conversation;
  @Mixin private GenerationFlags generation;

  @HelpGroup(Heading.OUTPUT)
  @Option(names = "--no-history", description = "Keep no history of what is typed.")
  private boolean noHistory;

  @HelpGroup(Heading.OUTPUT)
  @Option(
      names = {"-q", "--quiet"},
      description = "No banner and no statistics.")
  private boolean quiet;

  private final TerminalWidth width = new TerminalWidth();

  @Override
  public Integer call() throws IOException {
    Io io = parent.io();
    GenerationOptions options = generation.options(GenerationOptions.UNLIMITED);
    if (!io.inTerminal()) {
      return answerPiped(io);
    }
    try (Engine engine = conversation.load(io, parent.verbose(), OnFull.EVICT);
        Interrupts interrupts = new Interrupts(() -> io.err().println(hint()));
        ChatInput input = input(io, interrupts);
        ChatSession chat = engine.chat(options, conversation.template(io, engine))) {
      engine.model().beginWarmUp(); // while the user types
      conversation.system().ifPresent(chat::system);
      if (!quiet) {
        io.err().printf("%s; /help lists the commands%n", engine.model().config().name());
      }
      converse(io, engine, chat, input, interrupts);
      return ExitCode.OK;
    }
  }

  private static String hint() {
    return System.lineSeparator() + "(Ctrl-D or /bye leaves)";
  }

  private int answerPiped(Io io) throws IOException {
    String text = Utf8.read(io.in(), Io.STDIN);
    if (text.isBlank()) {
      throw new IllegalArgumentException(
          "nothing was piped in; `run -p TEXT` answers a prompt, a terminal opens a chat");
    }
    GenerationOptions oneShot = generation.options(GenerationOptions.defaults().maxTokens());
    try (Engine engine = conversation.load(io, parent.verbose(), OnFull.STOP)) {
      return new OneAnswer(io, oneShot, quiet, false, parent.isColored())
          .to(engine, conversation, text);
    }
  }

  /** Lines can only be edited where they and the answers appear on one terminal. */
  private ChatInput input(Io io, Interrupts interrupts) throws IOException {
    if (!io.outTerminal()) {
      return new PlainInput(io);
    }
    Path history = noHistory ? null : ChatHistory.open(io);
    return new TerminalInput(
        ChatCommands.names(),
        ChatCommands.WITH_FILE,
        Map.of("/set", ChatSettings.names()),
        history,
        parent.isColored(),
        interrupts,
        width);
  }

  private void converse(
      Io io, Engine engine, ChatSession chat, ChatInput input, Interrupts interrupts)
      throws IOException {
    ChatCommands commands =
        new ChatCommands(
            io.err(), engine, chat, message -> answer(io, engine, chat, interrupts, message));
    while (true) {
      try {
        ChatInput.Entry entry = input.read();
        if (entry == null || !commands.take(entry)) {
          return;
        }
      } catch (ChatInput.InterruptedInput e) {
        io.err().println(hint().strip());
      }
    }
  }

  private GenerationResult answer(
      Io io, Engine engine, ChatSession chat, Interrupts interrupts, String message) {
    interrupts.begin();
    try {
      CacheStatistics before = chat.cache();
      width.changed(); // perhaps, while a message was typed
      TextOutput output =
          new TextOutput(io, interrupts, width, parent.isColored(), chat.openedReasoning());
      GenerationResult result =
          message == null
              ? chat.regenerate(output, interrupts)
              : chat.send(message, output, interrupts);
      output.end();
      if (result.stopReason() == StopReason.CONTEXT_FULL) {
        io.err()
            .println(
                "the context is full: /clear begins anew, --on-full evict lets a conversation go on");
      }
      if (!result.cache().storeTrouble().equals(before.storeTrouble())) {
        io.err().println(Statistics.trouble(result.cache()));
      }
      if (!quiet) {
        if (before.prunes() == 0
            && chat.cache().prunes() > 0
            && chat.cache().kept() < chat.length()) {
          io.err()
              .println(
                  "the cache is full: from here on the oldest tokens are folded; the system message stays");
        }
        io.err().println(Statistics.line(result, engine.loadNanos()));
      }
      return result;
    } catch (IllegalArgumentException | IllegalStateException | UncheckedIOException e) {
      io.err().println(Errors.message(e)); // the conversation is as it was
      return null;
    } finally {
      interrupts.end();
    }
  }
}
